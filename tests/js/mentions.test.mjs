import assert from 'node:assert/strict';
import test from 'node:test';
import { MENTIONS_MAX, MentionTracker, candidates, endOf, peopleOf, tokenAt } from '../../static/js/compose/mentions.js';
import { cleanContent } from '../../static/js/text/text.js';
import { message } from './support.mjs';

/** @param {string} nickname @param {string} [id] */
const person = (nickname, id = nickname) => ({ id, nickname, avatar: 'fox' });

/** A `|` is the caret. @param {string} marked */
function token(marked) {
  const caret = marked.indexOf('|');
  return tokenAt(marked.replace('|', ''), caret);
}

test('an @ calls somebody at the start, behind white space, a comma, or what opens', () => {
  for (const [text, query] of [
    ['@|', ''], ['@수|', '수'], ['hi @Fo|', 'Fo'], ['hi\n@Fo|x', 'Fo'], ['(@여우|', '여우'], ['「@여우|', '여우'], ['“@여우|', '여우'],
    ['@익명의 수|', '익명의 수'], ['@익명의 |', '익명의 '], ['@a,@b|', 'b'], ['@a @b|', 'b'], ['\t@홍ㄱ|', '홍ㄱ'],
  ]) assert.equal(token(text)?.query, query, text);
  for (const text of [
    '|', '|@', 'mail@example|', '수달@여|', '@ a|', '@a  b|', '@a\nb|', 'no|', '1@|', `@${'x'.repeat(51)}|`, '\n|@a',
  ]) assert.equal(token(text), null, text);
  assert.deepEqual(token('hi @Fo|x'), { from: 3, to: 6, query: 'Fo' });
});

/** @param {string} query @param {string[]} names @param {string | null} [selfId] */
const found = (query, names, selfId = null) => candidates(query, names.map((name) => person(name)), selfId).map(({ nickname }) => nickname);

test('names that begin with it, then words that do, then the rest, each in the order given', () => {
  assert.deepEqual(found('fo', ['A foal', 'Elfo', 'Fox', 'fogg', 'Bear']), ['Fox', 'fogg', 'A foal', 'Elfo']);
  assert.deepEqual(found('', ['b', 'a']), ['b', 'a']);
  assert.deepEqual(found('x', ['b', 'a']), []);
  assert.deepEqual(found('수달', ['익명의 수달', '수달왕', '해수달']), ['수달왕', '익명의 수달', '해수달']);
  assert.deepEqual(found('익명의 ㅅ', ['익명의 수달', '익명의 여우']), ['익명의 수달']);
  assert.deepEqual(found('É', ['e\u0301clair']), ['e\u0301clair'], 'whatever the spelling of its accent');
  assert.equal(found('', Array.from({ length: 30 }, (_, n) => `n${n}`)).length, 8);
});

test('nobody calls themselves, and nobody is offered twice', () => {
  assert.deepEqual(found('', ['a', 'b', 'a'], 'b'), ['a']);
});

test('every state on the way to a Korean name finds it', () => {
  const ways = {
    홍길동: ['ㅎ', '호', '홍', '홍ㄱ', '홍기', '홍길', '홍길ㄷ', '홍길도', '홍길동', 'ㅎㄱ', 'ㅎㄱㄷ'],
    과일: ['ㄱ', '고', '과', '광', '과이', '과일', 'ㄱㅇ'],
    값진: ['가', '갑', '값', '값ㅈ', '값지', 'ㄱㅈ'],
    닭이: ['다', '달', '닭', '달ㄱ', '닭ㅇ'],
    의사: ['으', '의', '읫', '의사', 'ㅇㅅ'],
  };
  for (const [name, steps] of Object.entries(ways)) {
    for (const step of steps) assert.deepEqual(found(step, ['여우', name]), [name], step);
  }
  assert.deepEqual(found('ㄳ', ['가수']), ['가수'], 'two initials that the input method has joined');
  for (const step of ['가ㄱ', '간ㅇ', 'ㄱㄷ', '나가']) assert.deepEqual(found(step, ['가나']), [], step);
});

test('what completes the name goes with it, what does not stays', () => {
  const end = (/** @type {string} */ marked, /** @type {string} */ name) => {
    const text = marked.replace('|', '');
    return text.slice(endOf(text, { from: text.indexOf('@'), to: marked.indexOf('|') }, name));
  };
  assert.equal(end('@홍|길동 안녕', '홍길동'), ' 안녕');
  assert.equal(end('@f|ox!', 'Fox'), '!');
  assert.equal(end('@|hello', 'Fox'), 'hello');
  assert.equal(end('@F|oxes', 'Fox'), 'oxes');
  assert.equal(end('@홍|길동님', '홍길동'), '님');
});

test('who wrote lately comes first, under the name of now', () => {
  const list = [message(1, { author: person('Old', 'a') }), message(2, { author: person('B', 'b') }), message(3, { author: person('C', 'c') })];
  const people = peopleOf(list, [person('D', 'd'), person('New', 'a')]);
  assert.deepEqual(people.map(({ nickname }) => nickname), ['C', 'B', 'New', 'D']);
});

/** @param {string} content @param {Chat.Mention[]} mentions */
const read = (content, mentions) => mentions.map(({ authorId, from, to }) => [authorId, [...content].slice(from, to).join('')]);

/** A box in which one writes, chooses and takes back. */
function box() {
  const tracker = new MentionTracker();
  let text = '';
  return {
    tracker,
    text: () => text,
    /** Puts something in the place of what is between. @param {number} from @param {number} to @param {string} by */
    splice(from, to, by) {
      text = text.slice(0, from) + by + text.slice(to);
      tracker.edit(text, from + by.length);
    },
    /** @param {string} id @param {string} name @param {number} [at] */
    choose(id, name, at = text.length) {
      this.splice(at, at, `@${name} `);
      tracker.add(at, id, name);
    },
    /** @param {Chat.Author[]} [people] */
    mentions(people) {
      const content = cleanContent(text);
      return read(content, tracker.mentionsOf(content, people));
    },
  };
}

test('a mention moves with the text around it, and is counted in code points of what is sent', () => {
  const it = box();
  it.splice(0, 0, '  👍👍 ');
  it.choose('u', '익명의 수달');
  it.splice(it.text().length, it.text().length, '저도요! 🎉  \n');
  const content = cleanContent(it.text());
  assert.deepEqual(it.tracker.mentionsOf(content), [{ authorId: 'u', from: 3, to: 10 }]);
  it.splice(0, 2, '앞에 ');
  assert.deepEqual(it.mentions(), [['u', '@익명의 수달']]);
});

test('a name that no longer reads so is nobody, and comes back with undo', () => {
  const it = box();
  it.choose('u', 'Fox');
  it.splice(3, 4, '');
  assert.deepEqual(it.mentions(), []);
  it.splice(3, 3, 'x');
  assert.deepEqual(it.mentions(), [['u', '@Fox']]);
  it.splice(4, 4, 'y');
  assert.deepEqual(it.mentions(), [], 'another word');
  it.splice(4, 5, '님');
  assert.deepEqual(it.mentions(), [['u', '@Fox']], 'a particle is none');
});

test('two people of one name are kept apart', () => {
  const it = box();
  it.choose('one', '수달');
  it.choose('two', '수달');
  assert.deepEqual(it.mentions(), [['one', '@수달'], ['two', '@수달']]);
  it.splice(0, 4, '');
  assert.deepEqual(it.mentions(), [['two', '@수달']]);
  it.choose('one', '수달', 0);
  assert.deepEqual(it.mentions(), [['one', '@수달'], ['two', '@수달']]);
  it.splice(4, 7, '');
  assert.deepEqual(it.mentions(), [['one', '@수달']]);
});

test('written by hand: the longest name that one person alone has', () => {
  const it = box();
  it.splice(0, 0, '@익명의 수달님, @Fox @Bear a@Owl @Owl!');
  const people = [person('익명의'), person('익명의 수달'), person('Fox', 'f1'), person('Fox', 'f2'), person('Owl')];
  assert.deepEqual(it.mentions(people), [['익명의 수달', '@익명의 수달'], ['Owl', '@Owl']]);
  assert.deepEqual(it.mentions(), [], 'of people who are not known it is text');
});

test('a stored message is edited on with its mentions', () => {
  const { tracker } = box();
  const content = '🎉 @여우 그리고 @Fox Two!';
  const mentions = [{ authorId: 'a', from: 2, to: 5 }, { authorId: 'b', from: 10, to: 18 }];
  tracker.restore(content, mentions);
  assert.deepEqual(tracker.mentionsOf(content), mentions);
  tracker.edit(`음 ${content}`, 2);
  assert.deepEqual(read(`음 ${content}`, tracker.mentionsOf(`음 ${content}`)), [['a', '@여우'], ['b', '@Fox Two']]);
  assert.equal(tracker.marks(4 + 1), true);
  tracker.reset();
  assert.deepEqual(tracker.mentionsOf('@여우'), []);
});

test('no more than the server takes', () => {
  const it = box();
  for (let n = 0; n < 30; n += 1) it.choose('u', 'Fox');
  assert.equal(it.mentions().length, MENTIONS_MAX);
});

/** The same numbers for the same seed, so that a failure can be looked at. @param {number} seed */
function numbers(seed) {
  let state = seed;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('property: whatever is done to a text, mentions read @name, in order, apart, and what was not touched stays', () => {
  const names = ['수달', '수', 'Fox', 'Fox Two', '👍🏽 a', '홍길동'];
  const pieces = ['a', ' ', '@', '🎉', '\n', '수', '님', 'Fox', '  ', '@Fox', 'Two', '달 '];
  for (let seed = 1; seed <= 400; seed += 1) {
    const below = numbers(seed);
    const it = box();
    for (let step = 0; step < 30; step += 1) {
      const length = it.text().length;
      const untouched = new Set(it.tracker.marked);
      const count = untouched.size;
      if (below(4) === 0) {
        const name = below(names.length);
        it.choose(`id${name}`, names[name], below(2) ? length : 0);
      } else {
        const from = below(length + 1);
        const to = Math.min(length, from + below(4));
        const kept = [...untouched].filter((one) => one.from + 1 + one.name.length <= from || one.from >= to).length;
        it.splice(from, to, pieces[below(pieces.length)]);
        assert.ok(it.tracker.marked.length >= kept, `seed ${seed}: ${kept} of ${count} were not touched`);
      }
      const content = cleanContent(it.text());
      const mentions = it.tracker.mentionsOf(content, [person('나', 'id9')]);
      const letters = [...content];
      let end = 0;
      for (const { authorId, from, to } of mentions) {
        assert.ok(from >= end && to <= letters.length, `seed ${seed}`);
        end = to;
        assert.equal(letters.slice(from, to).join(''), `@${names[Number(authorId.slice(2))]}`, `seed ${seed}`);
      }
    }
  }
});
