DROP TABLE inquiries;
DROP TABLE jobs;
