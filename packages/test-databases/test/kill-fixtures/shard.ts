import { once } from 'node:events';
import { openTestDatabases } from '../../src/index.ts';
import { shopOptions, useDatabase } from './shop.ts';

/*
 * One of eight machines of a suite: two workers with three files each, then, when it is told so, as many again, or without end.
 * Says on every line what it has done. A dirty database ends it with an error.
 */
const [host = '', user = '', shard = '', end = ''] = process.argv.slice(2);
const say = (what: object): void => console.log(JSON.stringify(what));
const filesAtOnce = 3;

await using databases = await openTestDatabases({ ...shopOptions(host, user), shards: 8 });
const suite = async (worker: number, first: number, last: number): Promise<void> => {
  for (let round = first; round < last; round++) {
    await useDatabase(databases, { host, user }, { worker: `${shard}.${worker}`, round });
    say({ worker, round });
  }
};
const workers = (first: number, last: number): Promise<unknown> =>
  Promise.all([1, 2].map((worker) => suite(worker, first, last)));

await workers(0, filesAtOnce);
say({ half: databases.run });
await once(process.stdin, 'data');
await workers(filesAtOnce, end === 'endless' ? Number.POSITIVE_INFINITY : 2 * filesAtOnce);
process.stdin.destroy();
