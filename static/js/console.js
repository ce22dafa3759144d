// The owner's console: the server says which screen by the address, and this draws it.

import { loadConsoleWords } from './i18n/console.js';
import { Shell } from './console/shell.js';

new Shell(await loadConsoleWords(document.documentElement.lang)).begin();
