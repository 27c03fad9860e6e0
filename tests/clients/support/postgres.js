// `portcullis serve` as an operator sets it up: an empty PostgreSQL database, migrations, a user, three clients.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BINARY, end, launch } from './server.js';

const run = promisify(execFile);
const START_MS = 30_000;
const AUDIENCE = 'https://api.example/';
const REDIRECT_URI = 'http://127.0.0.1/callback'; // nothing listens: the tests read the Location header

/** Resolves to what `startDemo` resolves to, save the playground. */
export async function startOnPostgres() {
  const [directory, database, port] = await Promise.all([
    mkdtemp(join(tmpdir(), 'portcullis-serve-')),
    createDatabase(),
    freePort(),
  ]);
  const issuer = `http://localhost:${port}`;
  const config = join(directory, 'portcullis.toml');
  const user = { username: 'alice', password: `-${randomBytes(12).toString('base64url')}` }; // what looks like a flag is a password too
  let child;
  const stop = async () => {
    if (child) await end(child);
    await rm(directory, { recursive: true, force: true });
    await database.drop();
  };
  try {
    await writeFile(join(directory, 'master.key'), randomBytes(32).toString('base64'), { mode: 0o600 });
    await writeFile(config, settings({ issuer, port, database, directory }));
    await portcullis(config, 'migrate');
    const clients = await seed(config, user);
    child = launch(['serve', '--config', config], process.env);
    await ready(`${issuer}/readyz`, child);
    return { issuer, user, clients, stop };
  } catch (error) {
    await stop();
    throw new Error(`the server on PostgreSQL did not start: ${error.message}\n${child?.log() ?? ''}`);
  }
}

function settings({ issuer, port, database, directory }) {
  return `issuer = "${issuer}"

[server]
data_dir = "${directory}"
listen = "127.0.0.1:${port}"

[database]
url = "${database.url}"

[keys]
master_key_file = "${join(directory, 'master.key')}"
`;
}

async function seed(config, user) {
  await portcullis(config, 'user', 'create', user.username, '--password', user.password);
  await portcullis(config, 'api', 'create', AUDIENCE, '--name', 'Example', '--scope', 'api:read=Read');
  const webScope = 'openid profile email offline_access';
  const deviceScope = 'openid profile offline_access';
  const [web, service, device] = await Promise.all([
    portcullis(config, 'client', 'create', '--json', '--name', 'Web', '--redirect-uri', REDIRECT_URI, '--scope', webScope,
      '--grant-type', 'authorization_code', '--grant-type', 'refresh_token'),
    portcullis(config, 'client', 'create', '--json', '--name', 'Service', '--scope', 'api:read',
      '--grant-type', 'client_credentials'),
    portcullis(config, 'client', 'create', '--json', '--name', 'Device', '--scope', deviceScope, '--public',
      '--grant-type', 'device_code', '--grant-type', 'refresh_token'),
  ]);
  return {
    web: { ...web, redirect_uris: [REDIRECT_URI], scope: webScope },
    device: { ...device, scope: deviceScope },
    service: { ...service, scope: 'api:read', audience: AUDIENCE },
  };
}

/** One command of the binary; resolves to its JSON where it was asked for. */
async function portcullis(config, ...args) {
  const { stdout } = await run(BINARY, [...args, '--config', config], { timeout: START_MS });
  return args.includes('--json') ? JSON.parse(stdout) : stdout;
}

async function createDatabase() {
  const server = process.env.PORTCULLIS_TEST_POSTGRES;
  if (!server) throw new Error('PORTCULLIS_TEST_POSTGRES is not set: tests/run.sh starts a server and sets it');
  const name = `portcullis_clients_${randomBytes(6).toString('hex')}`;
  const sql = (text) => run('psql', [server, '--quiet', '--no-psqlrc', '--command', text], { timeout: START_MS });
  await sql(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => sql(`DROP DATABASE ${name} WITH (FORCE)`) };
}

/** The issuer's address is a setting, so the port has to be known before the server starts. */
async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function ready(url, child) {
  let gone;
  child.ended.then((how) => (gone = how));
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; ) {
    if (gone) throw new Error(gone);
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} was not ready within ${START_MS / 1000} s`);
}
