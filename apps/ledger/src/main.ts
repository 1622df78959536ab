import process from 'node:process';
import { createApp } from './app.ts';
import { readSettings, type Settings, SettingsError } from './settings.ts';

let settings: Settings;
try {
  settings = readSettings(process.env);
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  process.stderr.write(`ledger: ${error.message}\n`);
  process.exit(2);
}

const app = createApp({ database: settings.database, logger: true });
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void app.close());
}
await app.listen(settings.listen);
