// Settings of a room that go together and have a name, as docs/MODERATION.md has them.

/** For the time of a raid. */
export const RAID = { slowSeconds: 30, linksMax: 0, uniqueSeconds: 60, holdNew: 'all', holdYoungerSeconds: 86_400 };

/** What takes a preset back: what holds for all rooms holds here again. @param {object} preset */
export const takenBack = (preset) => Object.fromEntries(Object.keys(preset).map((name) => [name, null]));

/** Whether a room is as in a raid, whoever has made it so; how long somebody is new may differ. @param {Chat.Settings} settings */
export const isRaid = ({ slowSeconds, linksMax, holdNew }) => (
  slowSeconds === RAID.slowSeconds && linksMax === RAID.linksMax && holdNew === RAID.holdNew);
