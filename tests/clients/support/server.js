// Starts a real `portcullis` process for one test file, and ends it. Node's own modules only: tests/browser uses it too.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const BINARY =
  process.env.PORTCULLIS_TEST_BIN ?? fileURLToPath(new URL('../../../target/debug/portcullis', import.meta.url));
const START_MS = 30_000;
const STOP_MS = 10_000;

/**
 * A demo server: a fresh SQLite file, one user, the clients `web`, `service` and `device`.
 * Resolves to what `portcullis demo --json` printed, the folder of its `data`, and `stop()`.
 */
export async function startDemo() {
  const data = await mkdtemp(join(tmpdir(), 'portcullis-demo-'));
  const child = launch(
    ['demo', '--json', '--data', data, '--listen', '127.0.0.1:0', '--playground', '127.0.0.1:0'],
    process.env,
  );
  const stop = async () => {
    await end(child);
    await rm(data, { recursive: true, force: true });
  };
  try {
    return { ...JSON.parse(await firstLine(child)), data, stop };
  } catch (error) {
    await stop();
    throw new Error(`the demo server did not start: ${error.message}\n${child.log()}`);
  }
}

/** Starts the binary, or another; `log()` is what it wrote to stderr so far. */
export function launch(args, env, binary = BINARY) {
  const child = spawn(binary, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log = (log + text).slice(-20_000)));
  child.log = () => log;
  // Nothing survives this process, even when a test file dies half way.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  }).finally(() => process.off('exit', kill));
  return child;
}

/** SIGTERM, and SIGKILL to one that does not heed it: which fails the test file. Resolves to how it ended. */
export async function end(child, ms = STOP_MS) {
  child.kill('SIGTERM');
  try {
    return await within(ms, child.ended, 'the server did not stop on SIGTERM');
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

async function firstLine(child) {
  const lines = createInterface({ input: child.stdout });
  const line = new Promise((resolve) => lines.once('line', resolve));
  const gone = child.ended.then((how) => Promise.reject(new Error(how)));
  return within(START_MS, Promise.race([line, gone]), 'no line on stdout');
}

function within(ms, promise, message) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${message} within ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
