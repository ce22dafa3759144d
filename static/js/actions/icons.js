// The pictures on buttons: lines on a field of 24 by 24, in the colour of the text around them.

const SVG = 'http://www.w3.org/2000/svg';

const PATHS = {
  react: 'M20.5 12.5a8.5 8.5 0 1 1-9-9M8.5 14.5a4.5 4.5 0 0 0 7 0M9 9.5v.01M15 9.5v.01M19 2.5v6M16 5.5h6',
  add: 'M12 5v14M5 12h14',
  reply: 'M9 6 4 11l5 5M4 11h9a7 7 0 0 1 7 7v1',
  more: 'M5.5 12v.01M12 12v.01M18.5 12v.01',
  edit: 'M4 20l1-4.5L16 4.5a2.1 2.1 0 0 1 3 3L8.5 19 4 20M14 6.5l3 3',
  copy: 'M10.5 8H18a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7.5a2 2 0 0 1-2-2v-8a2 2 0 0 1 2-2M15.5 4H6a2 2 0 0 0-2 2v9.5',
  link: 'M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.7-5.7l-1.3 1.3M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.7 5.7l1.3-1.3',
  pin: 'M9 3.5h6l-1 6 3.5 3.5v1.5h-11V13L10 9.5l-1-6M12 14.5V21',
  unpin: 'M9 3.5h6l-1 6 3.5 3.5v1.5h-11V13L10 9.5l-1-6M12 14.5V21M4 4l16 16',
  report: 'M5.5 21V4.5M5.5 5c4-2.5 7 2 13 0v9c-6 2-9-2.5-13 0',
  ban: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17M6 6l12 12',
  remove: 'M4.5 7h15M9.5 7V5a1.5 1.5 0 0 1 1.5-1.5h2A1.5 1.5 0 0 1 14.5 5v2M6.5 7l.8 11.2A2 2 0 0 0 9.3 20h5.4a2 2 0 0 0 2-1.8L17.5 7M10 11v5M14 11v5',
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {IconName} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', `act-icon act-icon-${name}`);
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}
