// A certificate for this machine's own names, that nobody trusts unless told to.

import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const SETTINGS = `[req]
distinguished_name = name
prompt = no
x509_extensions = extensions
[name]
CN = localhost
[extensions]
subjectAltName = DNS:localhost, IP:127.0.0.1
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
`;

/** Makes a self-signed certificate in `directory`; resolves to the files `{ certificate, key }`. */
export async function makeCertificate(directory) {
  await mkdir(directory, { recursive: true });
  const [settings, certificate, key] = ['openssl.cnf', 'certificate.pem', 'key.pem'].map((name) => join(directory, name));
  await writeFile(settings, SETTINGS);
  await run('openssl', [
    ...['req', '-x509', '-config', settings, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-out', certificate, '-keyout', key],
  ]);
  return { certificate, key };
}
