import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openArtefact } from './runtime/artefact.ts';
import { createConnector } from './runtime/connection.ts';
import { createHandler, type Handler } from './runtime/create-handler.ts';
import { readLoginToken } from './runtime/login-token.ts';
import type { Ports } from './runtime/perform.ts';
import { readMasterSecret } from './runtime/secret.ts';

const file = fileURLToPath(import.meta.url);

const ports: Ports = {
  environment: process.env,
  openArtefact: () => openArtefact(dirname(file)),
  connector: async (config, artefact, call) =>
    createConnector({
      host: config.host,
      port: config.port,
      ca: await artefact.readCa(config),
      readSecret: () => readMasterSecret(config.secret, process.env, () => call.remainingMs()),
      remainingMs: () => call.remainingMs(),
      signToken: (user) => readLoginToken(config, user, process.env),
    }),
  // Not by the console: Lambda would put a time and an id before each line, and CloudWatch find no metrics in it.
  log: (line) => void process.stdout.write(`${JSON.stringify(line)}\n`),
  now: () => performance.now(),
};

/** The Lambda's entry: `index.handler` of the artefact. See `Config` for its environment variables. */
export const handler: Handler = createHandler(ports);

/** The same file from a shell or as a container's command: `node index.mjs apply`. */
async function runAsCommand(): Promise<void> {
  const { runShell } = await import('./runtime/shell.ts');
  process.exitCode = await runShell(process.argv.slice(2), ports, {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    onStop: (listener) => {
      let asked = false;
      for (const [signal, number] of [
        ['SIGINT', 2],
        ['SIGTERM', 15],
      ] as const) {
        process.on(signal, () => {
          // Not left to the system: as the first process of a container it is not ended by a signal.
          if (asked) process.exit(128 + number);
          asked = true;
          listener();
        });
      }
    },
  });
}

async function isCommand(): Promise<boolean> {
  const [, started] = process.argv;
  if (started === undefined || process.env['AWS_LAMBDA_RUNTIME_API'] !== undefined) return false;
  // What Lambda does not need is not in the way of its start.
  const { realpathSync } = await import('node:fs');
  try {
    return realpathSync(started) === file;
  } catch {
    return false;
  }
}

if (await isCommand()) await runAsCommand();
