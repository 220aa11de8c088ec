#!/usr/bin/env python3
"""replay.py [--only 01,09i] [--keep DIR]

Build the program, start it with throw-away certificates, let scenarios/run_scenarios.py record it over TLS as the
administrator's certificate, and compare with the recordings by scenarios/diff_golden.py. Exit status 1 unless what differs in
events or status is exactly what testdata/known.txt lists. Standard library, openssl and go are needed."""
import argparse, glob, os, re, socket, ssl, subprocess, sys, tempfile, time, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = os.path.join(HERE, "scenarios")
GOLDEN = os.path.join(SCENARIOS, "golden", "opensearch-2.19.4")
FRESH = ["v60-external-config-step"]      # what happens once in a process needs one of its own
PASSWORD = "a-Test-password-1"

SETTINGS = """cluster_name: peer
node_name: node-0
data: {dir}/data
http:
  listen: 127.0.0.1:{port}
  tls: {{cert_file: {dir}/node.pem, key_file: {dir}/node.key, client_ca_file: {dir}/ca.pem, client_auth: optional}}
admin_dns: ["CN=admin,OU=admin,O=Peer"]
security:
  rest_roles: [all_access, security_rest_api_access]
compliance:
  read_derived: false
"""


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def certificates(d):
    """An authority, and certificates of the server, the administrator and a client without a role."""
    f = lambda name: os.path.join(d, name)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/O=Peer/OU=CA/CN=ca", "-keyout", f("ca.key"), "-out", f("ca.pem"),
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for name, subject in (("node", "/O=Peer/OU=node/CN=node-0"), ("admin", "/O=Peer/OU=admin/CN=admin"), ("client", "/O=Peer/OU=client/CN=client0")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", f(name + ".key"), "-out", f(name + ".csr"))
        with open(f(name + ".ext"), "w") as ext:
            ext.write("basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", f(name + ".csr"), "-CA", f("ca.pem"), "-CAkey", f("ca.key"), "-CAcreateserial", "-days", "2",
                "-extfile", f(name + ".ext"), "-out", f(name + ".pem"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def serve(program, d):
    """Start the program and wait until it answers."""
    port = free_port()
    with open(os.path.join(d, "vigil.yml"), "w") as f:
        f.write(SETTINGS.format(dir=d, port=port))
    log = open(os.path.join(d, "vigil.log"), "w")
    p = subprocess.Popen([program, "serve", "--config", os.path.join(d, "vigil.yml")], stdout=log, stderr=log, cwd=d,
                         env={**os.environ, "VIGIL_ADMIN_PASSWORD": PASSWORD})
    base = "https://127.0.0.1:%d" % port
    context = ssl.create_default_context(cafile=os.path.join(d, "ca.pem"))
    for _ in range(300):
        try:
            urllib.request.urlopen(base + "/_plugins/_security/health", context=context, timeout=2).close()
            return p, base
        except OSError:
            if p.poll() is not None:
                break
            time.sleep(0.1)
    p.kill()
    sys.exit("the program does not answer:\n" + open(os.path.join(d, "vigil.log")).read()[-2000:])


def record(program, names, out):
    with tempfile.TemporaryDirectory() as d:
        certificates(d)
        p, base = serve(program, d)
        f = lambda name: os.path.join(d, name)
        try:
            subprocess.run([sys.executable, os.path.join(SCENARIOS, "run_scenarios.py"), "--base", base, "--ca", f("ca.pem"), "--admin-cert", f("admin.pem"),
                            "--client-cert", f("client.pem"), "--pace", "0.1", "--wait", "0.3", "--out", out, "--only", ",".join(names)], check=True)
        finally:
            p.terminate()
            p.wait(60)


def differences(out, names):
    """(scenario, step) -> what differs: status, events or both."""
    r = subprocess.run([sys.executable, os.path.join(SCENARIOS, "diff_golden.py"), GOLDEN, out, "--only", ",".join(names)], capture_output=True, text=True)
    found, step = {}, None
    for line in r.stdout.splitlines():
        if m := re.match(r"(\S+)\.json (\S+): ?(.*)$", line):
            step = (m[1], m[2])
            if m[3]:
                found[step] = {m[3]}
        elif line.startswith("missing "):
            found[(line.split()[1], "-")] = {"missing"}
        elif step and line.startswith("  status"):
            found.setdefault(step, set()).add("status")
        elif step and line.startswith("  event"):
            found.setdefault(step, set()).add("events")
    return found, r.stdout


def known(names):
    found = {}
    for line in open(os.path.join(HERE, "testdata", "known.txt")):
        if line.strip() and not line.startswith("#"):
            scenario, step, what = line.split("\t")[:3]
            if scenario in names:
                parts = what.split(",")
                found[(scenario, step)] = {"status"} & set(parts) | ({"events"} if set(parts) - {"status"} else set())
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="", help="comma separated prefixes of scenario names")
    p.add_argument("--keep", help="keep what was recorded in this folder")
    a = p.parse_args()
    names = [n for n in (os.path.basename(f)[:-5] for f in sorted(glob.glob(os.path.join(SCENARIOS, "audit", "*.json")))) if n.startswith(tuple(a.only.split(",")))]
    with tempfile.TemporaryDirectory() as tmp:
        program, out = os.path.join(tmp, "vigil"), a.keep or os.path.join(tmp, "out")
        subprocess.run(["go", "build", "-o", program, "."], check=True, cwd=os.path.dirname(HERE))
        together = [n for n in names if n not in FRESH]
        for group in [together] + [[n] for n in names if n in FRESH]:
            if group:
                record(program, group, out)
        got, text = differences(out, names)
    want = known(names)
    print("\n".join(text.splitlines()[-2:]))
    wrong = sorted(k for k in set(got) | set(want) if got.get(k) != want.get(k))
    for k in wrong:
        print("%s %s: differs in %s, known is %s" % (*k, "+".join(sorted(got.get(k, []))) or "nothing", "+".join(sorted(want.get(k, []))) or "nothing"))
    print("compat: %d scenarios, %d steps differ in events or status, %d otherwise than known" % (len(names), len(got), len(wrong)))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
