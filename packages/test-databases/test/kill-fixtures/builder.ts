import { openTestDatabases } from '../../src/index.ts';
import { migrations, shopOptions } from './shop.ts';

/* Builds the template of the shop and gets stuck in the middle of a migration. */
const [host = '', user = ''] = process.argv.slice(2);
const options = shopOptions(host, user);
await openTestDatabases({
  ...options,
  template: {
    ...options.template,
    fill: async (session) => {
      await session.query(migrations[0]);
      const stuck = session.query('BEGIN; CREATE TABLE half (id int); SELECT pg_sleep(3600)');
      console.log(JSON.stringify({ migrating: true }));
      await stuck;
    },
  },
});
