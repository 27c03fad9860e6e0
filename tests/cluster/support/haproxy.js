// HAProxy with the configuration of config/examples/haproxy.cfg, as a private process.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.js';

const EXAMPLE = fileURLToPath(new URL('../../../config/examples/haproxy.cfg', import.meta.url));
const START_MS = 15_000;

/**
 * Starts HAProxy on `port` in front of `nodes` (`{ name, port }`), without TLS and with a header that names the node. `servers()`
 * resolves to what it counted, by the name of the node: numbers by HAProxy's own names, and its `status`.
 */
export async function startHaproxy({ directory, port, nodes }) {
  const binary = process.env.PORTCULLIS_TEST_HAPROXY;
  assert.ok(binary, 'PORTCULLIS_TEST_HAPROXY is not set: tests/run.sh gets HAProxy and sets it');
  const socket = join(directory, 'haproxy.sock');
  const file = join(directory, 'haproxy.cfg');
  await writeFile(file, fill(await readFile(EXAMPLE, 'utf8'), { socket, port, nodes }));
  const libraries = process.env.PORTCULLIS_TEST_HAPROXY_LIBRARIES;
  const env = { ...process.env, ...(libraries && { LD_LIBRARY_PATH: libraries }) };
  const child = spawn(binary, ['-db', '-f', file], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let ended;
  const gone = new Promise((resolve) => child.once('error', resolve).once('exit', resolve)).then((how) => (ended = `${how}`));
  const servers = async () => parse(await ask(socket, 'show stat'));
  try {
    await until('HAProxy answers', START_MS, () => {
      if (ended !== undefined) throw new Error(ended);
      return servers().catch(() => undefined);
    });
  } catch (error) {
    kill();
    throw new Error(`HAProxy did not start: ${error.message}\n${said}`);
  }
  const stop = async () => {
    kill();
    await gone;
    process.off('exit', kill);
  };
  return { servers, stop };
}

/** The example with the addresses of this test. Each placeholder must be there. */
function fill(example, { socket, port, nodes }) {
  let text = example;
  const replace = (what, by) => {
    const parts = text.split(what);
    assert.equal(parts.length, 2, `once in config/examples/haproxy.cfg: ${what}`);
    text = parts.join(by);
  };
  replace('bind :443 ssl crt /etc/haproxy/id.example.org.pem alpn h2,http/1.1', `bind 127.0.0.1:${port}`);
  replace('bind :80\n', `bind unix@${socket}.plain\n`);
  nodes.forEach((node, index) => replace(`node${index + 1} 10.0.0.1${index + 1}:8080`, `${node.name} 127.0.0.1:${node.port}`));
  replace('    balance roundrobin\n', '    balance roundrobin\n    http-response set-header x-served-by %s\n');
  return `global\n    stats socket ${socket} mode 600 level user\n\n${text}`;
}

function ask(socket, command) {
  return new Promise((resolve, reject) => {
    let text = '';
    const connection = connect(socket, () => connection.write(`${command}\n`));
    connection.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => resolve(text)).on('error', reject);
  });
}

function parse(csv) {
  const [head, ...rows] = csv.replace(/^# /, '').trim().split('\n').map((line) => line.split(','));
  const records = rows.map((row) => Object.fromEntries(head.map((name, column) => [name, row[column]])));
  const ours = records.filter((record) => record.pxname === 'portcullis' && record.svname !== 'BACKEND');
  const counts = ['stot', 'econ', 'eresp', 'wretr', 'wredis', 'hrsp_5xx'];
  return Object.fromEntries(ours.map((record) => {
    const counted = Object.fromEntries(counts.map((name) => [name, Number(record[name])]));
    return [record.svname, { status: record.status, ...counted }];
  }));
}
