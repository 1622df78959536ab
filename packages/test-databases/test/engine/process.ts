import { openTestDatabases } from '../../src/index.ts';
import { optionsFor } from './plain-server.ts';

/** A run in a process of its own: opens, takes a database, says what it has, and waits for its end. */
const [host = '', user = ''] = process.argv.slice(2);
const databases = await openTestDatabases({ ...optionsFor(host, user), workers: 2 });
const { name } = await databases.acquire();
await databases.idle();
console.log(JSON.stringify({ run: databases.run, template: databases.template, name }));
process.stdin.once('data', async () => {
  await databases.close();
  process.stdin.destroy();
});
