// Package compat compares Vigil with a real node. It holds recordings of OpenSearch 2.19.4 and the tests that replay them; it has
// no code that a program could import.
//
// The scenarios (scenarios/audit) say which requests are sent in which configuration, the recordings (scenarios/golden) what
// the node answered and audited. TestAudit replays the scenarios against the whole program and compares the events of every
// step under the rules of scenarios/diff_golden.py, which the package repeats in Go. What differs on purpose or is still to be
// done is listed in testdata/known.txt; the test fails when something else differs, and when something listed no longer does.
// With -update the list is written anew; its reasons are kept.
//
// TestAlerting does the same with the recordings of alerting and notifications (scenarios/alerting): answers and messages, under
// the rules of diff_alerting.py. A pause in which monitors ran by the clock becomes as many runs.
//
// Start reading at TestAudit and at rules in rules_test.go. The folder opensearch sets up the node for new recordings.
package compat
