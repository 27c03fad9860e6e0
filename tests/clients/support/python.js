// Applications written in Python. tests/run.sh makes the virtual environment and tells which in PORTCULLIS_TEST_PYTHON.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PYTHON =
  process.env.PORTCULLIS_TEST_PYTHON ?? fileURLToPath(new URL('../../../target/python/bin/python3', import.meta.url));
const START_MS = 30_000;

/** Starts `file` (a path from tests/clients) and gives it `settings`; resolves to `{ origin, log(), stop() }`. */
export async function startPython(file, settings) {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const child = spawn(PYTHON, [path], { stdio: 'pipe', env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log = (log + text).slice(-20_000)));
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  child.stdin.on('error', () => {}); // it is told by `ended`
  child.stdin.write(`${JSON.stringify(settings)}\n`);
  const line = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  const late = new Promise((resolve) => setTimeout(resolve, START_MS, 'nothing said').unref());
  const origin = await Promise.race([line, Promise.race([ended, late]).then((how) => Promise.reject(new Error(`${how}\n${log}`)))]);
  const stop = () => {
    child.stdin.end();
    return ended;
  };
  return { origin, log: () => log, stop };
}
