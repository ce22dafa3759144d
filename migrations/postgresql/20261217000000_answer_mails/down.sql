DROP TABLE answer_rooms;
DROP TABLE answer_mails;
