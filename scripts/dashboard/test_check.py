"""That each check of the dashboards can fail."""

import copy
import json
import unittest

import check

[FILE] = check.DASHBOARDS
DASHBOARD = json.loads(FILE.read_text())


class Answering(check.Prometheus):
    def __init__(self, answer):
        self.answer = answer

    def get(self, path, **parameters):
        return self.answer


def series(value, **labels):
    return {"metric": labels, "value": [0, value]}


class Checks(unittest.TestCase):
    def test_shapes(self):
        self.assertEqual(list(check.shape_faults("d", DASHBOARD)), [])
        for change, expected in [
            (lambda d: d["panels"][1].update(id=d["panels"][2]["id"]), "two panels have one id"),
            (lambda d: d["panels"][1]["targets"][0].update(datasource={"uid": "other"}), "another data source"),
            (lambda d: d["panels"][1].pop("description"), "does not say what it shows"),
            (lambda d: d["panels"][1]["targets"][0].update(expr="rate(x[$range])"), "a variable that is not declared"),
            (lambda d: d["panels"][1].update(gridPos=d["panels"][2]["gridPos"]), "no place of its own"),
            (lambda d: d["panels"][1]["gridPos"].update(x=22), "no place of its own"),
        ]:
            changed = copy.deepcopy(DASHBOARD)
            change(changed)
            faults = list(check.shape_faults("d", changed))
            self.assertTrue(any(expected in f for f in faults), (expected, faults))

    def test_queries(self):
        success = lambda *found: Answering({"status": "success", "data": {"result": list(found)}})
        self.assertIsNone(success(series("0", code="1000")).fault("x", "closed {{code}}"))
        self.assertIsNone(success(series("NaN"), series("1")).fault("x", "all"))
        self.assertEqual(success().fault("x", ""), "no figures")
        self.assertEqual(success(series("NaN"), series("+Inf")).fault("x", ""), "no figures")
        self.assertIn("code", success(series("1", instance="a")).fault("x", "{{code}}"))
        self.assertEqual(Answering({"status": "error", "error": "parse error"}).fault("x", ""), "parse error")

    def test_rules(self):
        rules = lambda **rule: Answering({"data": {"groups": [{"rules": [{"name": "A", "health": "ok"} | rule]}]}})
        self.assertEqual(list(rules(state="inactive").rule_faults()), [])
        self.assertEqual(len(list(rules(state="firing").rule_faults())), 1)
        self.assertEqual(len(list(rules(health="err", lastError="why").rule_faults())), 1)

    def test_metrics_that_are_named(self):
        named = check.named_metrics()
        for name in ["chat_sessions_live", "chat_delivery_duration_seconds_bucket", "chat_database_up",
                     "process_open_fds", "chat:requests_failed:ratio_rate3d"]:
            self.assertIn(name, named)
        self.assertNotIn("chat_", named)


if __name__ == "__main__":
    unittest.main()
