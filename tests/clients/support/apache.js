// Apache httpd with mod_auth_openidc in front of one page, as a private process. Debian's package libapache2-mod-auth-openidc
// brings both, and starts nothing by itself.

import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, ready } from './installation.js';

const APACHE = '/usr/sbin/apache2';
const MODULES = '/usr/lib/apache2/modules';
const START_MS = 15_000;
const STOP_MS = 10_000;

/**
 * Starts httpd. `oidc({ origin, secureOrigin, files })` resolves to the module's own settings. /private asks for a sign-in and
 * shows, one a line, what the module passes on; /open asks for nothing. `tls` (`{ certificate, key }`, files) opens a port for
 * https beside the other. Resolves to `{ origin, secureOrigin, log(), stop() }`.
 */
export async function startApache({ oidc, tls }) {
  const files = await mkdtemp(join(tmpdir(), 'portcullis-httpd-'));
  await chmod(files, 0o755); // started as root, httpd reads it as nobody
  await mkdir(join(files, 'pages'));
  await writeFile(join(files, 'pages', 'open'), 'everybody may read this\n');
  await writeFile(join(files, 'pages', 'private'), PRIVATE_PAGE);
  const [port, securePort] = [await freePort(), await freePort()];
  const origin = `http://localhost:${port}`;
  const secureOrigin = `https://localhost:${securePort}`;
  const config = join(files, 'httpd.conf');
  await writeFile(config, configuration({ files, port, securePort, tls }) + (await oidc({ origin, secureOrigin, files })));
  const child = spawn(APACHE, ['-X', '-f', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  }).finally(() => process.off('exit', kill));
  const log = async () => said + (await readFile(join(files, 'error.log'), 'utf8').catch(() => '')).slice(-20_000);
  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(kill, STOP_MS);
    await ended;
    clearTimeout(late);
    await rm(files, { recursive: true, force: true });
  };
  try {
    await ready(`${origin}/open`, ended, START_MS);
  } catch (error) {
    const message = `httpd did not start: ${error.message}\n${await log()}`;
    await stop();
    throw new Error(message);
  }
  return { origin, secureOrigin, log, stop };
}

// What the module passes on, one a line.
const PRIVATE_PAGE = ['iss', 'sub', 'preferred_username', 'name', 'email', 'email_verified']
  .map((claim) => `${claim}=<!--#echo encoding="none" var="OIDC_CLAIM_${claim}" -->\n`)
  .concat('user=<!--#echo encoding="none" var="REMOTE_USER" -->\n')
  .join('');

function configuration({ files, port, securePort, tls }) {
  const modules = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'env', 'include', 'auth_openidc'];
  if (tls) modules.push('ssl');
  const load = modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so\n`).join('');
  const asRoot = process.getuid() === 0 ? 'User nobody\nGroup nogroup\n' : '';
  return `ServerRoot "${files}"
ServerName localhost
PidFile "${files}/httpd.pid"
ErrorLog "${files}/error.log"
DefaultRuntimeDir "${files}"
${asRoot}${load}
LogLevel warn auth_openidc:info
Listen 127.0.0.1:${port}
${tls ? secure(files, securePort, tls) : ''}
DocumentRoot "${files}/pages"
<Directory "${files}/pages">
  Require all granted
  ForceType text/html
</Directory>
<Location "/private">
  Options +Includes
  SetOutputFilter INCLUDES
  AuthType openid-connect
  Require valid-user
</Location>
`;
}

function secure(files, port, { certificate, key }) {
  return `Listen 127.0.0.1:${port}
<VirtualHost 127.0.0.1:${port}>
  SSLEngine on
  SSLCertificateFile "${certificate}"
  SSLCertificateKeyFile "${key}"
  DocumentRoot "${files}/pages"
</VirtualHost>
`;
}
