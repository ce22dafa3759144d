// The emojis that are offered first. Each is written exactly as it is sent and stored: with a variation selector where
// the picture needs one, else the server would take it for a letter.

export const QUICK = ['👍', '❤️', '😂', '😮', '😢', '🎉'];
