use std::{fs, path::Path, process::Command};

use super::cluster::run;

/// Makes an authority, another one, and certificates of the server, all in this folder.
pub fn certificates(folder: &Path) {
    let openssl = |arguments: &[&str]| run(Command::new("openssl").current_dir(folder).args(arguments));
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let own = |name: &str, subject: &str| {
        let files = ["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")];
        let subject = ["-days", "2", "-subj", subject, "-addext", "subjectAltName=DNS:localhost"];
        openssl(&[&["req", "-x509"][..], &key, &subject, &files].concat());
    };
    own("ca", "/CN=an authority");
    own("other-ca", "/CN=another authority");
    // As the documentation of PostgreSQL makes it, and as most tutorials do.
    own("self", "/CN=localhost");
    let request = ["-subj", "/CN=a server", "-keyout", "server.key", "-out", "server.csr"];
    openssl(&[&["req", "-new"][..], &key, &request].concat());
    let settings = "[ca]\ndefault_ca=x\n[x]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n\
        policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n";
    fs::write(folder.join("settings"), settings).expect("a file");
    fs::write(folder.join("index"), "").expect("a file");
    fs::write(folder.join("serial"), "01").expect("a file");
    for (name, host, from, until) in [
        ("good", "DNS:localhost", "20200101000000Z", "20490101000000Z"),
        ("foreign", "DNS:db.example", "20200101000000Z", "20490101000000Z"),
        ("expired", "DNS:localhost", "20200101000000Z", "20200201000000Z"),
        ("early", "DNS:localhost", "20480101000000Z", "20490101000000Z"),
    ] {
        fs::write(folder.join("extensions"), format!("subjectAltName={host}\nbasicConstraints=CA:FALSE\n")).unwrap();
        let signed = ["ca", "-batch", "-notext", "-config", "settings", "-cert", "ca.pem", "-keyfile", "ca.key"];
        let out = format!("{name}.pem");
        let times = ["-in", "server.csr", "-out", &out, "-startdate", from, "-enddate", until];
        openssl(&[&signed[..], &times, &["-extfile", "extensions"]].concat());
    }
    fs::write(folder.join("empty.pem"), "no certificate\n").expect("a file");
}
