// The emojis that one can react with, and what each is called. Only pictures of Emoji 12 and older, which systems of
// some years ago draw as well, and no flags of countries, which Windows shows as letters. Written exactly in the form
// that the server takes: where a picture needs a variation selector, it is there.

import { keystrokes } from '../text/hangul.js';

/**
 * One emoji; its names in Korean; its names in English. Of several names, with commas between, the first is what it is
 * called; the others only help to find it.
 * @typedef {[emoji: string, ko: string, en: string]} Entry
 */

/** What each group is called; here and not with the page's other words, since few open the grid. @type {Record<string, Entry>} */
export const GROUP_NAMES = {
  faces: ['', '표정', 'Faces'],
  gestures: ['', '손과 몸짓', 'Gestures'],
  hearts: ['', '하트', 'Hearts'],
  nature: ['', '동물과 자연', 'Animals and nature'],
  food: ['', '음식', 'Food'],
  activity: ['', '놀이와 물건', 'Activities and things'],
  symbols: ['', '기호', 'Symbols'],
};

/** @type {[group: string, entries: Entry[]][]} */
export const GROUPS = [
  ['faces', [
    ['😀', '활짝 웃는 얼굴,웃음,기쁨', 'grinning face,smile,happy'],
    ['😄', '눈웃음,웃는 얼굴,기쁨', 'smiling eyes,smile,happy,joy'],
    ['😁', '이를 드러낸 웃음,히히', 'beaming face,grin,teeth'],
    ['😆', '깔깔 웃는 얼굴,웃음,하하', 'laughing face,haha,lol'],
    ['😅', '식은땀 웃음,진땀,머쓱', 'smile with sweat,phew,nervous'],
    ['😂', '기쁨의 눈물,웃음,눈물,ㅋㅋㅋ', 'tears of joy,laugh,lol,funny'],
    ['🤣', '배꼽 잡고 웃기,웃음,ㅋㅋㅋ', 'rolling on the floor,laugh,rofl'],
    ['😊', '흐뭇한 얼굴,미소,수줍음', 'warm smile,blush,happy'],
    ['🙂', '옅은 미소,웃음', 'slight smile'],
    ['🙃', '거꾸로 된 얼굴,장난', 'upside-down face,silly'],
    ['😉', '윙크,찡긋', 'wink'],
    ['😌', '편안한 얼굴,안도,다행', 'relieved face,calm,peace'],
    ['😍', '하트 눈,사랑,반함,예쁨', 'heart eyes,love,adore'],
    ['🥰', '사랑스러운 얼굴,사랑,행복', 'smile with hearts,love,adore'],
    ['😘', '뽀뽀,키스,사랑', 'blowing a kiss,love'],
    ['😋', '맛있는 얼굴,메롱,냠냠', 'yummy face,delicious,tasty'],
    ['😜', '메롱 윙크,장난', 'winking tongue,joke,silly'],
    ['🤪', '엉뚱한 얼굴,장난,신남', 'zany face,crazy,goofy'],
    ['😎', '선글라스 얼굴,멋짐,쿨', 'sunglasses,cool'],
    ['🤓', '똑똑한 얼굴,안경,공부', 'nerd face,glasses,smart'],
    ['🧐', '살펴보는 얼굴,외알 안경,궁금', 'monocle,inspect,curious'],
    ['🤩', '별 눈,반함,멋짐,감탄', 'star eyes,wow,amazed'],
    ['🥳', '파티 얼굴,축하,생일', 'party face,celebrate,birthday'],
    ['😏', '능글맞은 웃음,의미심장', 'smirk'],
    ['😇', '천사 얼굴,착함', 'halo,angel,innocent'],
    ['🤗', '안아 주는 얼굴,포옹,허그', 'hug,hugging face'],
    ['🤭', '입을 가린 웃음,쿡쿡,어머', 'hand over mouth,giggle,oops'],
    ['🤫', '조용히,쉿,비밀', 'shushing face,quiet,secret'],
    ['🤔', '생각하는 얼굴,고민,음', 'thinking face,hmm,wonder'],
    ['🤨', '의심하는 얼굴,눈썹,글쎄', 'raised eyebrow,doubt,really'],
    ['😐', '무표정,덤덤', 'neutral face,meh'],
    ['🙄', '눈 굴리는 얼굴,지루함,황당', 'rolling eyes,whatever'],
    ['😬', '어색한 얼굴,긴장,이크', 'grimace,awkward,eek'],
    ['😮', '놀란 얼굴,와,깜짝', 'surprised face,wow,oh'],
    ['😲', '깜짝 놀란 얼굴,충격', 'astonished face,shocked,wow'],
    ['😳', '얼굴 붉힘,당황,부끄러움', 'flushed face,embarrassed'],
    ['🥺', '애원하는 얼굴,제발,부탁', 'pleading face,please,puppy eyes'],
    ['😢', '우는 얼굴,슬픔,눈물', 'crying face,sad,tear'],
    ['😭', '엉엉 우는 얼굴,슬픔,눈물,ㅠㅠ', 'sobbing face,sad,cry'],
    ['😞', '실망한 얼굴,슬픔,아쉬움', 'disappointed face,sad'],
    ['😱', '비명 지르는 얼굴,공포,충격', 'screaming face,fear,shock'],
    ['😰', '식은땀,불안,걱정', 'anxious face,worried,sweat'],
    ['😴', '자는 얼굴,졸림,잠', 'sleeping face,tired,zzz'],
    ['😡', '화난 얼굴,분노', 'angry face,rage,mad'],
    ['🤯', '머리가 터지는 얼굴,충격,대박', 'exploding head,mind blown'],
    ['🤢', '메스꺼운 얼굴,속 안 좋음', 'nauseated face,sick'],
    ['🤒', '아픈 얼굴,열,감기', 'thermometer,ill,fever'],
    ['💀', '해골,죽음', 'skull,dead'],
    ['👻', '유령,귀신', 'ghost,boo'],
    ['🤖', '로봇', 'robot,bot'],
  ]],
  ['gestures', [
    ['👍', '엄지 위로,좋아요,최고,찬성', 'thumbs up,like,yes,good'],
    ['👎', '엄지 아래로,싫어요,반대', 'thumbs down,dislike,no'],
    ['👏', '박수,짝짝짝,축하', 'clapping hands,applause,bravo'],
    ['🙌', '만세,양손 들기,기쁨', 'raised hands,hooray,yay'],
    ['🙏', '두 손 모으기,감사,부탁,기도', 'folded hands,thanks,please,pray'],
    ['🤝', '악수,약속,동의', 'handshake,deal,agree'],
    ['👌', '오케이,좋아', 'OK hand,okay,fine'],
    ['✌️', '브이,승리,평화', 'victory hand,peace'],
    ['🤞', '행운 빌기,손가락 꼬기', 'crossed fingers,luck,hope'],
    ['🤟', '사랑해 손짓,사랑', 'love-you gesture'],
    ['💪', '알통,힘내,파이팅,근육', 'flexed arm,strong,muscle'],
    ['👊', '주먹,파이팅', 'fist bump,punch'],
    ['✊', '들어 올린 주먹,연대,힘', 'raised fist,power'],
    ['👋', '손 흔들기,안녕,인사', 'waving hand,hello,hi,bye'],
    ['✋', '손바닥,멈춤,손들기', 'raised hand,stop,high five'],
    ['👉', '오른쪽 가리키기,손가락', 'pointing right'],
    ['👆', '위 가리키기,손가락,윗글', 'pointing up,above,this'],
    ['✍️', '글씨 쓰는 손,메모', 'writing hand,note'],
    ['👀', '눈,보는 중,구경', 'eyes,look,watching'],
    ['🧠', '뇌,똑똑함,생각', 'brain,smart'],
    ['🙋', '손 든 사람,저요,질문', 'raising hand,me,question'],
    ['🤷', '어깨 으쓱,글쎄,모름', 'shrug,dunno'],
    ['🤦', '이마 짚기,답답,이런', 'facepalm'],
    ['🙇', '꾸벅 인사,절,죄송,감사', 'bow,sorry,thanks'],
  ]],
  ['hearts', [
    ['❤️', '빨간 하트,사랑,마음', 'red heart,love'],
    ['🧡', '주황 하트,사랑,마음', 'orange heart,love'],
    ['💛', '노란 하트,사랑,마음', 'yellow heart,love'],
    ['💚', '초록 하트,사랑,마음', 'green heart,love'],
    ['💙', '파란 하트,사랑,마음', 'blue heart,love'],
    ['💜', '보라 하트,사랑,마음', 'purple heart,love'],
    ['🖤', '검은 하트,마음', 'black heart'],
    ['🤍', '하얀 하트,마음', 'white heart'],
    ['💔', '깨진 하트,이별,슬픔', 'broken heart,sad'],
    ['💕', '두 하트,사랑', 'two hearts,love'],
    ['💖', '반짝이는 하트,사랑', 'sparkling heart,love'],
    ['💘', '화살 맞은 하트,반함,사랑', 'heart with arrow,cupid,love'],
  ]],
  ['nature', [
    ['🐶', '강아지,개,멍멍', 'dog,puppy'],
    ['🐱', '고양이,야옹', 'cat,kitty'],
    ['🐰', '토끼', 'rabbit,bunny'],
    ['🐻', '곰', 'bear'],
    ['🐼', '판다', 'panda'],
    ['🐯', '호랑이', 'tiger'],
    ['🐷', '돼지', 'pig'],
    ['🐸', '개구리', 'frog'],
    ['🐧', '펭귄', 'penguin'],
    ['🐢', '거북이,느림', 'turtle,slow'],
    ['🦋', '나비', 'butterfly'],
    ['🌸', '벚꽃,꽃,봄', 'cherry blossom,flower,spring'],
    ['🌹', '장미,꽃', 'rose,flower'],
    ['🌻', '해바라기,꽃', 'sunflower,flower'],
    ['🌱', '새싹,식물,시작', 'seedling,plant,grow'],
    ['🍀', '네잎클로버,행운', 'four leaf clover,luck'],
    ['🍁', '단풍,가을', 'maple leaf,autumn,fall'],
    ['🌈', '무지개', 'rainbow'],
    ['☀️', '해,맑음,햇빛', 'sun,sunny'],
    ['🌙', '달,밤,초승달', 'moon,night'],
    ['⭐', '별', 'star'],
    ['⚡', '번개,전기,빠름', 'lightning,zap,fast'],
    ['🔥', '불,인기,화끈', 'fire,hot,lit'],
    ['❄️', '눈송이,눈,겨울', 'snowflake,snow,winter'],
    ['☔', '비 오는 우산,우산,비', 'umbrella,rain'],
  ]],
  ['food', [
    ['🍎', '사과,과일', 'apple,fruit'],
    ['🍓', '딸기,과일', 'strawberry,fruit'],
    ['🍉', '수박,과일', 'watermelon,fruit'],
    ['🍑', '복숭아,과일', 'peach,fruit'],
    ['🍚', '밥,쌀밥', 'rice'],
    ['🍜', '라면,국수', 'noodles,ramen'],
    ['🍕', '피자', 'pizza'],
    ['🍔', '햄버거', 'hamburger,burger'],
    ['🍗', '치킨,닭다리', 'chicken,drumstick'],
    ['🍰', '조각 케이크,디저트', 'shortcake,dessert,sweet'],
    ['🎂', '생일 케이크,생일,축하', 'birthday cake,birthday'],
    ['🍿', '팝콘,구경,영화', 'popcorn,movie'],
    ['🍺', '맥주,술', 'beer'],
    ['🍻', '건배,맥주,술', 'cheers,beers,toast'],
    ['☕', '커피,차', 'coffee,tea'],
  ]],
  ['activity', [
    ['🎉', '축하 폭죽,파티,축하', 'party popper,celebrate,congratulations,tada'],
    ['🎊', '축하 박,파티,축하', 'confetti ball,celebrate'],
    ['🎁', '선물', 'gift,present'],
    ['🎈', '풍선,파티', 'balloon,party'],
    ['🏆', '트로피,우승,승리', 'trophy,win,champion'],
    ['🥇', '금메달,일등', 'gold medal,first,winner'],
    ['⚽', '축구,공', 'soccer,football'],
    ['⚾', '야구,공', 'baseball'],
    ['🎮', '게임,게임기', 'video game,controller'],
    ['🎵', '음표,음악,노래', 'music,note,song'],
    ['🎨', '그림,팔레트,미술', 'art,palette,paint'],
    ['🎬', '영화,슬레이트', 'clapper board,movie,film'],
    ['📚', '책,공부,독서', 'books,study,read'],
    ['💻', '노트북,컴퓨터,개발', 'laptop,computer,code'],
    ['📷', '카메라,사진', 'camera,photo'],
    ['✈️', '비행기,여행', 'airplane,travel,flight'],
    ['🚀', '로켓,출시,발사', 'rocket,launch,ship it'],
    ['💰', '돈주머니,돈', 'money bag,money'],
    ['💡', '전구,아이디어,생각', 'light bulb,idea'],
  ]],
  ['symbols', [
    ['✅', '체크,완료,확인', 'check mark,done,yes'],
    ['❌', '엑스,아니오,틀림', 'cross mark,no,wrong'],
    ['⭕', '동그라미,맞음,정답', 'circle,correct,right'],
    ['❓', '물음표,질문', 'question mark,question'],
    ['❗', '느낌표,주의', 'exclamation mark,important'],
    ['⚠️', '경고,주의', 'warning,caution'],
    ['💯', '백점,만점,최고', 'hundred points,perfect,100'],
    ['✨', '반짝반짝,새것', 'sparkles,shiny,new'],
    ['💬', '말풍선,대화', 'speech balloon,comment,chat'],
    ['💤', '쿨쿨,잠,졸림', 'zzz,sleep'],
    ['📌', '압정,고정', 'pushpin,pin'],
    ['🔔', '종,알림', 'bell,notification'],
    ['🔗', '링크,고리', 'link,chain'],
    ['🆗', '오케이 버튼,좋아', 'OK button,okay'],
    ['🐛', '벌레,버그', 'bug'],
  ]],
];

/** What an emoji, or a group, is called. @param {Entry} entry @param {string} locale `ko` or `en` */
export function nameOf([, ko, en], locale) {
  return (locale === 'ko' ? ko : en).split(',')[0];
}

/**
 * The groups with what matches, in either language; a group without any is not there. Each word of the query has to be
 * part of a name. Only where nothing matches as it is written counts what it may become with the next key.
 * @param {string} query as somebody types it: anything at all
 * @returns {typeof GROUPS}
 */
export function search(query) {
  const words = plain(query).split(/\s+/u).filter(Boolean);
  if (words.length === 0) return GROUPS;
  const found = withAll(words, plain);
  return found.length > 0 ? found : withAll(words.map(keystrokes), keystrokes);
}

/** @param {string} text */
const plain = (text) => text.normalize('NFC').toLowerCase();

/** @param {string[]} words @param {(names: string) => string} form in which the words are compared with names */
function withAll(words, form) {
  return GROUPS.map(([group, entries]) => /** @type {typeof GROUPS[number]} */ ([group, entries.filter((entry) => {
    const names = form(entry.join(','));
    return words.every((word) => names.includes(word));
  })])).filter(([, entries]) => entries.length > 0);
}
