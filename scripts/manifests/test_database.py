"""What the database's machine does with Secret Manager and the bucket, against servers that stand in for both."""

import base64
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import unittest
import urllib.parse

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "terraform/database"
SECRET = "projects/p/secrets/chat-database-url"


class Google(http.server.ThreadingHTTPServer):
    """The machine's metadata, Secret Manager and Cloud Storage, as far as the scripts need them."""

    def __init__(self):
        self.access_status, self.versions, self.files, self.damage = 404, [], {}, b""
        google = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, content=b""):
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self):
                attributes = {"chat-secret": SECRET, "chat-address": "10.10.0.200", "chat-bucket": "bucket"}
                if self.path.startswith("/metadata/"):
                    if self.headers["Metadata-Flavor"] != "Google":
                        return self.answer(403)
                    if self.path.endswith("/token"):
                        return self.answer(200, b'{"access_token": "good"}')
                    return self.answer(200, attributes[self.path.rsplit("/", 1)[1]].encode())
                if self.headers["Authorization"] != "Bearer good":
                    return self.answer(401)
                assert self.path == f"/secrets/{SECRET}/versions/latest:access", self.path
                return self.answer(google.access_status, b"{}")

            def do_POST(self):
                if self.headers.get("Expect") == "100-continue":
                    self.send_response_only(100)
                    self.end_headers()
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers["Authorization"] != "Bearer good":
                    return self.answer(401)
                url = urllib.parse.urlparse(self.path)
                if url.path == f"/secrets/{SECRET}:addVersion":
                    google.versions.append(base64.b64decode(json.loads(body)["payload"]["data"]).decode())
                    return self.answer(200, b"{}")
                assert url.path == "/storage/b/bucket/o", self.path
                body += google.damage
                google.files[urllib.parse.parse_qs(url.query)["name"][0]] = body
                digest = base64.b64encode(hashlib.md5(body).digest()).decode()
                return self.answer(200, json.dumps({"md5Hash": digest}).encode())

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def environment(self):
        base = f"http://127.0.0.1:{self.server_address[1]}"
        return {**os.environ, "METADATA": f"{base}/metadata", "SECRET_MANAGER": f"{base}/secrets",
                "STORAGE": f"{base}/storage", "NO_PROXY": "127.0.0.1"}


class OnAMachine(unittest.TestCase):
    def setUp(self):
        self.google = Google()
        self.addCleanup(self.google.server_close)
        self.addCleanup(self.google.shutdown)


class Login(OnAMachine):
    def make_login(self):
        """Runs make_login with a PostgreSQL that has role and database; gives the status and what psql was told."""
        script = f'. "{FOLDER}/startup.sh"; as_postgres() {{ echo 1; case "$*" in *ON_ERROR_STOP*) cat >&2 ;; esac; }}; make_login'
        run = subprocess.run(["bash", "-c", script], env=self.google.environment(), capture_output=True, text=True)
        return run.returncode, run.stderr

    def test_a_password_is_made_where_there_is_none(self):
        status, told = self.make_login()
        self.assertEqual(status, 0, told)
        [url] = self.google.versions
        password = urllib.parse.urlparse(url).password
        self.assertRegex(url, r"^postgres://chat:[0-9a-f]{48}@10\.10\.0\.200:5432/chat$")
        self.assertEqual(told.strip(), f"alter role chat password '{password}'")

    def test_the_password_that_is_there_stays(self):
        self.google.access_status = 200
        self.assertEqual(self.make_login(), (0, ""))
        self.assertEqual(self.google.versions, [])

    def test_a_failure_makes_no_password(self):
        self.google.access_status = 403
        status, told = self.make_login()
        self.assertNotEqual(status, 0)
        self.assertNotIn("alter role", told)
        self.assertEqual(self.google.versions, [])


class Backup(OnAMachine):
    def back_up(self, dump="the dump"):
        with tempfile.TemporaryDirectory() as folder:
            # Stands in for `setpriv ... pg_dump`: user and database are the machine's.
            stand_in = pathlib.Path(folder, "setpriv")
            stand_in.write_text(f"#!/bin/sh\n{dump}\n")
            stand_in.chmod(0o755)
            environment = {**self.google.environment(), "FOLDER": folder, "PATH": f"{folder}:{os.environ['PATH']}"}
            run = subprocess.run(["bash", FOLDER / "backup.sh"], env=environment, capture_output=True, text=True)
            left = [name for name in os.listdir(folder) if name.startswith("backup.")]
            self.assertEqual(left, [], "the dump stays on the machine")
            return run.returncode

    def test_the_dump_arrives(self):
        self.assertEqual(self.back_up("printf 'the\\000dump'"), 0)
        [(name, content)] = self.google.files.items()
        self.assertRegex(name, r"^chat-\d{8}T\d{6}Z\.dump$")
        self.assertEqual(content, b"the\0dump")

    def test_a_damaged_upload_fails(self):
        self.google.damage = b"x"
        self.assertNotEqual(self.back_up("echo dump"), 0)

    def test_a_dump_that_breaks_off_is_not_uploaded(self):
        self.assertNotEqual(self.back_up("echo half; exit 1"), 0)
        self.assertEqual(self.google.files, {})


if __name__ == "__main__":
    unittest.main()
