// Three nodes over one PostgreSQL behind HAProxy, as an operator sets them up: the same configuration on each but for its port.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createOnPostgres, createUser, freePort, ready } from '../../clients/support/installation.js';
import { seed } from '../../clients/support/postgres.js';
import { BINARY, end, launch } from '../../clients/support/server.js';
import { startHaproxy } from './haproxy.js';
import { until } from './until.js';

const run = promisify(execFile);
const START_MS = 60_000;
const STOP_MS = 30_000;

/**
 * Sets three nodes up behind HAProxy; those of the list `start` run. `binary` makes the schema and runs the nodes, `settings` is
 * TOML behind [server], [database], [keys] and [passwords]. Resolves to a server as `startDemo` has it, with `nodes`
 * (`{ name, origin, start(binary), stop(), log() }`), `servers()` (what HAProxy counted), `sql(text)`,
 * `portcullis(…arguments)` and `run(binary, …arguments)`.
 */
export async function startCluster({ binary = BINARY, settings = '', start = [0, 1, 2] } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-cluster-'));
  const database = await createOnPostgres();
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  const nodes = [];
  let haproxy;
  const config = join(directory, 'node1', 'portcullis.toml');
  const command = async (program, ...args) => {
    const { stdout } = await run(program, [...args, '--config', config], { timeout: START_MS });
    return args.includes('--json') ? JSON.parse(stdout) : stdout;
  };
  const portcullis = (...args) => command(binary, ...args);
  const sql = async (text) => {
    const { stdout } = await run('psql', [database.url, '--quiet', '--no-psqlrc', '--tuples-only', '--no-align', '--command', text]);
    return stdout.trim();
  };
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await haproxy?.stop();
    await database.drop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await writeFile(join(directory, 'master.key'), randomBytes(32).toString('base64'), { mode: 0o600 });
    for (const name of ['node1', 'node2', 'node3']) {
      nodes.push(await prepareNode({ name, directory, issuer, database, settings }));
    }
    await portcullis('migrate');
    const user = await createUser(portcullis, directory);
    const clients = await seed(portcullis);
    await Promise.all(start.map((index) => nodes[index].start(binary)));
    haproxy = await startHaproxy({ directory, port, nodes });
    const { servers } = haproxy;
    const up = async (name) => (await servers())[name].status === 'UP';
    for (const node of nodes) node.balanced = () => until(`HAProxy uses ${node.name}`, START_MS, () => up(node.name));
    await Promise.all(start.map((index) => nodes[index].balanced()));
    return { issuer, user, clients, nodes, servers, directory, portcullis, run: command, sql, stop };
  } catch (error) {
    const logs = nodes.map((node) => `${node.name}: ${node.log()}`).join('\n');
    await stop().catch(() => {});
    throw new Error(`the cluster did not start: ${error.message}\n${logs}`, { cause: error });
  }
}

async function prepareNode({ name, directory, issuer, database, settings }) {
  const home = join(directory, name);
  await mkdir(home);
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const config = join(home, 'portcullis.toml');
  await writeFile(config, `issuer = "${issuer}"

[server]
data_dir = "${home}"
listen = "127.0.0.1:${port}"
trusted_proxies = ["127.0.0.1"]

[database]
url = "${database.url}"

[keys]
master_key_file = "${join(directory, 'master.key')}"

[passwords]
memory_kib = 8
iterations = 1
${settings}`);
  let child;
  const start = async (binary) => {
    child = launch(['serve', '--config', config], process.env, binary);
    await ready(`${origin}/readyz`, child.ended, START_MS);
  };
  // A second signal would end it at once.
  const stop = async () => {
    const stopping = child;
    child = undefined;
    return stopping && end(stopping, STOP_MS);
  };
  return { name, port, origin, start, stop, log: () => child?.log() ?? '' };
}
