// What the page says on a line that lets no socket pass, in both languages: few words, and few who see them.

const en = {
  slower: 'Slower line',
  why: 'Something on the way here lets no live connection pass. Messages still come and go, only a little later.',
};

/** @type {typeof en} */
const ko = {
  slower: '느린 연결',
  why: '중간의 무언가가 실시간 연결을 막고 있어요. 메시지는 조금 늦게, 그래도 빠짐없이 오가요.',
};

export const words = { en, ko };
