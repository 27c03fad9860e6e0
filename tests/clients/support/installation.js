// `portcullis serve` as an operator sets it up: a configuration, an empty database, a user. Which database is told by
// PORTCULLIS_TEST_TARGET: SQLite (`demo`, or when it is not set) or `postgres`. Node's own modules only: tests/browser uses it too.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BINARY, end, launch } from './server.js';

const run = promisify(execFile);
const START_MS = 30_000;

/**
 * Starts a server. `settings` is TOML behind the sections [server], [database] and [keys]; `claims` are the user's. With `tls`
 * (`{ certificate, key }`, files) the issuer is https.
 * Resolves to the `issuer`, the `user`, the `directory` of its files, `portcullis(…arguments)` which runs a command on it
 * (and resolves to its JSON where `--json` is among them), `log()` and `stop()`.
 */
export async function startInstallation({ settings = '', claims, tls, target = process.env.PORTCULLIS_TEST_TARGET } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-serve-'));
  const config = join(directory, 'portcullis.toml');
  const database = await createDatabase(target, directory);
  let child;
  const portcullis = async (...args) => {
    const { stdout } = await run(BINARY, [...args, '--config', config], { timeout: START_MS });
    return args.includes('--json') ? JSON.parse(stdout) : stdout;
  };
  const stop = async () => {
    if (child) await end(child);
    await rm(directory, { recursive: true, force: true });
    await database.drop();
  };
  try {
    const port = await freePort();
    const issuer = `${tls ? 'https' : 'http'}://localhost:${port}`;
    await writeFile(join(directory, 'master.key'), randomBytes(32).toString('base64'), { mode: 0o600 });
    await writeFile(config, configuration({ issuer, port, database, directory, tls }) + settings);
    await portcullis('migrate');
    const user = await createUser(portcullis, directory, claims);
    child = launch(['serve', '--config', config], process.env);
    const ask = tls && asksWith(await readFile(tls.certificate));
    await ready(`${issuer}/readyz`, child.ended, START_MS, ask);
    return { issuer, user, directory, portcullis, log: child.log, stop };
  } catch (error) {
    await stop();
    throw new Error(`the server did not start: ${error.message}\n${child?.log() ?? ''}`);
  }
}

function configuration({ issuer, port, database, directory, tls }) {
  return `issuer = "${issuer}"

[server]
data_dir = "${directory}"
listen = "127.0.0.1:${port}"
shutdown_delay = "0s"
${tls ? `tls_certificate = "${tls.certificate}"\ntls_key = "${tls.key}"\n` : ''}
[database]
url = "${database.url}"

[keys]
master_key_file = "${join(directory, 'master.key')}"
`;
}

/** Makes the user alice, with the claims of a file in `directory`. */
export async function createUser(portcullis, directory, claims = {}) {
  const user = { username: 'alice', password: `-${randomBytes(12).toString('base64url')}` }; // what looks like a flag is a password too
  const file = join(directory, 'alice.json');
  await writeFile(file, JSON.stringify(claims));
  await portcullis('user', 'create', user.username, '--password', user.password, '--claims', file);
  return user;
}

function createDatabase(target = 'demo', directory) {
  if (target === 'postgres') return createOnPostgres();
  if (target !== 'demo') throw new Error(`PORTCULLIS_TEST_TARGET=${target} is neither demo nor postgres`);
  return { url: `sqlite://${join(directory, 'portcullis.db')}`, drop: async () => {} };
}

/** An empty database on PORTCULLIS_TEST_POSTGRES: `{ url, drop() }`. */
export async function createOnPostgres() {
  const server = process.env.PORTCULLIS_TEST_POSTGRES;
  if (!server) throw new Error('PORTCULLIS_TEST_POSTGRES is not set: tests/run.sh starts a server and sets it');
  const name = `portcullis_clients_${randomBytes(6).toString('hex')}`;
  const sql = (text) => run('psql', [server, '--quiet', '--no-psqlrc', '--command', text], { timeout: START_MS });
  await sql(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => sql(`DROP DATABASE ${name} WITH (FORCE)`) };
}

/** A port of 127.0.0.1 for a program that must be told one before it starts. */
export async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/**
 * Resolves when `url` answers well; rejects when `ended` (a promise of how the program ended) resolves first, or after `ms`.
 * `ask(url)` resolves to whether the answer is a good one.
 */
export async function ready(url, ended, ms, ask = asks) {
  let gone;
  ended.then((how) => (gone = how));
  for (const deadline = Date.now() + ms; Date.now() < deadline; ) {
    if (gone !== undefined) throw new Error(gone);
    if (await ask(url)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} was not ready within ${ms / 1000} s`);
}

async function asks(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
  return response?.ok ?? false;
}

/** `fetch` takes no certificate of a caller's. */
function asksWith(ca) {
  return (url) => new Promise((resolve) => {
    const sent = request(url, { ca, agent: false, timeout: 1_000 }, (response) => resolve(response.resume().statusCode === 200));
    sent.on('error', () => resolve(false)).on('timeout', () => sent.destroy());
    sent.end();
  });
}
