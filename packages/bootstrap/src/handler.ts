import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openArtefact } from './runtime/artefact.ts';
import { createConnector } from './runtime/connection.ts';
import { createHandler, type Handler } from './runtime/create-handler.ts';
import { readMasterSecret } from './runtime/secret.ts';

/** The Lambda's entry: `index.handler` of the artefact. See `Config` for its environment variables. */
export const handler: Handler = createHandler({
  environment: process.env,
  openArtefact: () => openArtefact(dirname(fileURLToPath(import.meta.url))),
  connector: async (config, artefact) =>
    createConnector({
      host: config.host,
      port: config.port,
      ca: await artefact.readCa(config),
      readSecret: () => readMasterSecret(config.secret, process.env),
    }),
  // Not by the console: Lambda would put a time and an id before each line, and CloudWatch find no metrics in it.
  log: (line) => void process.stdout.write(`${JSON.stringify(line)}\n`),
  now: () => performance.now(),
});
