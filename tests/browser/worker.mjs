// A worker on the embedded log with the sample data, as the tests start it.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const READY = /stream-worker ready http=([0-9.:]+)/;
const READY_MAX_MS = 60_000;

/** Starts one: `{url, stop}`. `HOLDFAST_URL` names one that runs already. */
export async function startWorker(settings = {}) {
  if (process.env.HOLDFAST_URL) return { url: process.env.HOLDFAST_URL, stop: async () => {} };
  const program = process.env.HOLDFAST_WORKER;
  if (!program) throw new Error("HOLDFAST_WORKER says which stream-worker to start: use `make browser`");
  const data = await mkdtemp(join(tmpdir(), "holdfast-browser-"));
  const env = { ...process.env, DATA_DIR: data, HTTP_ADDR: "127.0.0.1:0", ...settings };
  const worker = spawn(program, ["run", "--sample"], { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const address = await new Promise((tell, fail) => {
    const timer = setTimeout(() => fail(new Error(`not ready:\n${said}`)), READY_MAX_MS);
    const hear = (piece) => {
      said = (said + piece).slice(-100_000);
      const found = READY.exec(said);
      if (found) {
        clearTimeout(timer);
        tell(found[1]);
      }
    };
    worker.stdout.on("data", hear);
    worker.stderr.on("data", hear);
    worker.on("exit", (code) => fail(new Error(`the worker has ended with ${code}:\n${said}`)));
  });
  const ended = new Promise((tell) => worker.on("exit", tell));
  return {
    url: `http://${address}`,
    stop: async () => {
      worker.kill("SIGTERM");
      await ended;
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** POSTs JSON, and expects it to be done. */
export async function post(url, path, body) {
  const answer = await fetch(url + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** The outside: takes every notification, but those of `refused` users. */
export async function startReceiver() {
  const refused = new Set();
  const server = createServer((request, answer) => {
    let body = "";
    request.on("data", (piece) => (body += piece));
    request.on("end", () => {
      let user = "";
      try {
        user = JSON.parse(body).userId;
      } catch {
        // Whatever it is, it is taken.
      }
      answer.writeHead(refused.has(user) ? 400 : 200).end();
    });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${server.address().port}/`, refused, stop: () => server.close() };
}
