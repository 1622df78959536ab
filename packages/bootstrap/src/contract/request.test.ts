import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHandler } from '../runtime/create-handler.ts';
import type { Manifest } from './manifest.ts';
import { parseRequest, type Request } from './request.ts';
import type { Response } from './response.ts';

const hash = 'ab'.repeat(32);
const valid: Request[] = [
  { action: 'ping' },
  { action: 'plan' },
  { action: 'apply', databases: ['shop'] },
  { action: 'status', databases: ['shop', 'club'] },
  { action: 'migrate', databases: ['shop'], to: '0001_a', dryRun: true, budgetMs: 10_000 },
  { action: 'down', database: 'shop', count: 2, from: '0002_b-c.d' },
  { action: 'fake', database: 'shop', to: '0001_a' },
  { action: 'prune', databases: ['shop'], dropDatabases: ['club'] },
  { action: 'prepare', database: 'shop', hash, run: 'abcdefgh1234', count: 4 },
  {
    action: 'prepare',
    database: 'shop',
    hash,
    run: 'abcdefgh1234',
    count: 4,
    first: 9,
    from: 'pt_abababab_rabcdefgh1234_1',
  },
  {
    action: 'branch',
    database: 'shop',
    hash,
    run: 'abcdefgh1234',
    from: 'pt_abababab_rabcdefgh1234_1',
  },
  {
    action: 'publish',
    database: 'shop',
    hash,
    run: 'abcdefgh1234',
    count: 4,
    migrations: ['0001_a', '0002_b-c.d'],
  },
  { action: 'drop', run: 'abcdefgh1234', databases: ['pt_abababab_rabcdefgh1234_1'] },
  { action: 'drop', run: 'abcdefgh1234', keep: ['pt_abababab_rabcdefgh1234_1'], keepMs: 600_000 },
  { action: 'sweep', dryRun: true },
];

/** Texts that people try, and arbitrary ones. */
const hostile = fc.oneof(
  fc.constantFrom(
    `'; DROP DATABASE shop; --`,
    'shop"; DROP ROLE x; --',
    '../../etc/passwd',
    'shop\u0000',
    'shop\n',
    ' shop',
    'SHOP',
    '$(id)',
    '__proto__',
    'constructor',
    'a'.repeat(64),
    'pt_shop',
  ),
  fc.string({ unit: 'binary' }),
  fc.string(),
);
const anything = fc.oneof(hostile, fc.jsonValue(), fc.double(), fc.bigInt(), fc.constant(undefined));

/** A valid request with one to three parts replaced, removed, added or repeated. */
const mutated = fc
  .tuple(
    fc.constantFrom(...valid),
    fc.array(fc.tuple(fc.constantFrom('set', 'remove', 'add', 'inside'), fc.nat(), fc.string(), anything), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([request, changes]) => {
    const event: Record<string, unknown> = structuredClone(request) as never;
    for (const [kind, at, key, value] of changes) {
      const keys = Object.keys(event);
      const chosen = keys[at % Math.max(1, keys.length)] ?? 'action';
      const inside = event[chosen];
      if (kind === 'set') event[chosen] = value;
      else if (kind === 'remove') delete event[chosen];
      else if (kind === 'add')
        Object.defineProperty(event, key, { value, enumerable: true, configurable: true, writable: true });
      else if (Array.isArray(inside)) inside.push(value);
    }
    return event;
  });

const texts = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(texts)
      : [];

describe('an event', () => {
  test.each(valid)('$action is accepted as it is', (request) => {
    expect(parseRequest(request)).toEqual({ request });
  });

  test.each([
    [{ action: 'apply', database: 'shop' }, ['database: unknown field; apply takes databases, budgetMs']],
    [{ action: 'ping', Databases: ['shop'] }, ['Databases: unknown field; ping takes none']],
    [
      { action: 'down', databases: ['shop'], count: 1 },
      [
        'database: is missing',
        'databases: unknown field; down takes database, count, from, dryRun, budgetMs',
      ],
    ],
    [{ action: 'down', database: 'shop' }, ['count: is missing']],
    [{ action: 'plan', databases: [] }, ['databases: must not be empty']],
    [{ action: 'plan', databases: 'shop' }, ['databases: expected a list']],
    [{ action: 'down', database: 'shop', count: 1.5 }, ['count: expected an integer']],
    [{}, [expect.stringMatching(/^action: is missing/)]],
    [{ action: 'dance' }, [expect.stringMatching(/^action: expected \("ping" \| "plan" \| /)]],
    [
      {
        action: 'drop',
        run: 'abcdefgh1234',
        databases: ['pt_abababab_rabcdefgh1234_1'],
        keep: ['pt_abababab_rabcdefgh1234_1'],
      },
      ['keep: what is kept is kept of a whole run; leave out databases'],
    ],
    [
      { action: 'drop', run: 'abcdefgh1234', keepMs: 5 },
      ['keep: is missing; keepMs says how long it is kept'],
    ],
    ['apply', ['event: expected Object']],
  ])('that is refused says which field is wrong and what there is: %j', (event, problems) => {
    expect(parseRequest(event)).toEqual({ problems });
  });

  test('that takes migrations back names the newest: repeated, it would take back the next ones, too', () => {
    const down = { action: 'down', database: 'shop', count: 1 };
    expect(parseRequest(down)).toEqual({ problems: [expect.stringMatching(/^from: is missing; .*newest/)] });
    expect(parseRequest({ ...down, dryRun: false }).problems).toHaveLength(1);
    expect(parseRequest({ ...down, dryRun: true }).problems).toBeUndefined();
    expect(parseRequest({ ...down, from: '0002_b' }).problems).toBeUndefined();
  });

  test('that is accepted carries names, hashes and counts only', () => {
    fc.assert(
      fc.property(fc.oneof(mutated, anything), (event) => {
        const { request } = parseRequest(event);
        if (request === undefined) return;
        for (const text of texts(request)) expect(text).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$/);
        expect(
          Object.keys(request).every((key) =>
            [
              ...['action', 'database', 'databases', 'hash', 'run', 'count', 'migrations', 'dryRun'],
              ...['to', 'from', 'dropDatabases', 'budgetMs', 'first', 'keep', 'keepMs'],
            ].includes(key),
          ),
        ).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  test('that is refused is refused typed, reads no secret, opens no session and is not repeated in the answer', async () => {
    let opened = 0;
    const manifest = { databases: [] as Manifest['databases'], hash } as Manifest;
    const handler = createHandler({
      environment: {
        POSTERN_DB_HOST: 'db',
        POSTERN_DB_SECRET_ARN: 'arn:aws:secretsmanager:eu-west-2:123456789012:secret:x',
        POSTERN_ALLOWED_ACTIONS: 'ping,plan,apply,status,migrate,prepare,publish,branch,drop,sweep',
        POSTERN_TEST_DATABASES: 'true',
      },
      openArtefact: () =>
        Promise.resolve({
          manifest,
          migrationsFolder: () => '',
          fileOf: () => '',
          readCa: () => Promise.resolve(''),
        }),
      connector: () =>
        Promise.resolve(() => {
          opened++;
          return Promise.reject(Object.assign(new Error('no database'), { code: '3D000' }));
        }),
      log: (line) => void JSON.stringify(line),
      now: () => 0,
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, anything), async (event) => {
        opened = 0;
        // Terraform's, which gets its refusals otherwise.
        fc.pre(typeof event !== 'object' || event === null || !Object.hasOwn(event, 'tf'));
        const answer = (await handler(event)) as Response;
        expect(answer.ok).toBe(false);
        if (answer.ok || parseRequest(event).request) return;
        expect(opened).toBe(0);
        expect(answer.error).toMatchObject({ code: 'BOOTSTRAP_REQUEST_INVALID', kind: 'invalid' });
        for (const text of texts(event)) {
          if (text.length > 12 && !text.includes('expected'))
            expect(JSON.stringify(answer)).not.toContain(text);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
