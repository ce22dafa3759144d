// The page of a room. The only module that acts when it is imported.

import { load } from './i18n/index.js';
import { RoomPage } from './page/room-page.js';

new RoomPage(await load(document.documentElement.lang)).start();
