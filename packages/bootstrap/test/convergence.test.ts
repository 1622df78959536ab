import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { completeDeclaration } from '../src/declaration/complete.ts';
import type { DatabaseDeclaration } from '../src/declaration/declaration.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { declaredFunction } from './fixtures/declared.ts';
import { commit, declarations, forget, history, masterReachesIam } from './fixtures/random-cluster.ts';

/** More, and others: POSTERN_PROPERTY_RUNS=1000. */
const runs = process.env['POSTERN_PROPERTY_RUNS'];
const parameters = runs === undefined ? { numRuns: 30, seed: 4 } : { numRuns: Number(runs) };

/** Refusals: somebody else's things are in the way, and a person has to decide. */
const refusals = /^BOOTSTRAP_(OWNER_CONFLICT|LOCKOUT_REFUSED|DATABASE_CONFLICT)$/;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

test('whatever was on the cluster, apply refuses with a reason or leads to what is declared, and never to a locked-out master', {
  timeout: 3_600_000,
}, async () => {
  const seen = { converged: 0, refused: 0, discarded: 0 };
  await fc.assert(
    fc.asyncProperty(
      declarations,
      history,
      fc.constantFrom(false, false, true),
      async (declared, past, testDatabases) => {
        await forget(cluster);
        await commit(cluster, past.before);
        if (past.earlier)
          await declaredFunction(cluster, past.earlier, { testDatabases }).invoke({ action: 'apply' });
        await commit(cluster, past.after);
        if (await masterReachesIam(cluster)) {
          seen.discarded++; // such a master cannot log in, so nobody applies anything
          return;
        }
        const lambda = declaredFunction(cluster, declared, { testDatabases });
        const applied = await lambda.invoke({ action: 'apply' });
        expect(await masterReachesIam(cluster)).toBe(false);
        if (!applied.ok) {
          // What another administrator made may be none of the master's business: the server says so, and the group is undone.
          const others = [...past.before, ...past.after].some(({ by }) => by === 'superuser');
          const forbidden = others && applied.error.details?.['sqlState'] === '42501';
          if (!forbidden) expect(applied.error.code, applied.error.message).toMatch(refusals);
          expect(applied.error.hint).toBeTruthy();
          const again = await lambda.invoke({ action: 'apply' });
          expect(again).toMatchObject({
            ok: false,
            error: { code: applied.error.code, message: applied.error.message },
          });
          seen.refused++;
          return;
        }
        seen.converged++;
        expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
        const pruned = await lambda.call({ action: 'prune' });
        expect(await masterReachesIam(cluster)).toBe(false);
        expect(pruned.dropped.databases).toEqual([]);
        const after = await lambda.call({ action: 'plan' });
        expect(after.statements).toEqual([]);
        // What is left of roles that nobody declares is what the prune said that it keeps.
        const left = after.drift.filter(({ kind }) => kind === 'role').map(({ object }) => object);
        const kept = pruned.kept.map(({ object }) => object).filter((object) => object.startsWith('role'));
        expect(left.sort()).toEqual(kept.sort());
        await expectDeclared(declared);
      },
    ),
    parameters,
  );
  expect(seen.converged).toBeGreaterThan(parameters.numRuns / 4);
  expect(seen.refused).toBeGreaterThan(0);
});

/** Asks the server, not the plan: what a declared role is, and may do with what the owner will create. */
async function expectDeclared(list: readonly DatabaseDeclaration[]): Promise<void> {
  for (const { name, owner, roles, schemas } of list.map(completeDeclaration)) {
    const probes = schemas.map(
      (schema) =>
        `CREATE TABLE ${schema}.probe (id serial); CREATE FUNCTION ${schema}.probe() RETURNS int LANGUAGE sql RETURN 1;`,
    );
    const questions = roles.flatMap((role) => [
      `SELECT '${role.name} login' AS what, rolcanlogin = ${role.login !== 'none'} AND rolconnlimit = ${role.connectionLimit} AS ok FROM pg_roles WHERE rolname = '${role.name}'`,
      `SELECT '${role.name} iam', EXISTS (SELECT FROM pg_auth_members WHERE member = '${role.name}'::regrole AND roleid = 'rds_iam'::regrole) = ${role.login === 'iam'}`,
      ...role.privileges.database.map(
        (privilege) =>
          `SELECT '${role.name} ${privilege}', has_database_privilege('${role.name}', '${name}', '${privilege}')`,
      ),
      ...role.memberOf.map(
        (group) => `SELECT '${role.name} in ${group}', pg_has_role('${role.name}', '${group}', 'USAGE')`,
      ),
      ...role.privileges.schemas.flatMap((schema) => [
        ...role.privileges.schema.map(
          (privilege) =>
            `SELECT '${role.name} ${privilege} ${schema}', has_schema_privilege('${role.name}', '${schema}', '${privilege}')`,
        ),
        ...role.privileges.tables.map(
          (privilege) =>
            `SELECT '${role.name} ${privilege} ${schema}', has_table_privilege('${role.name}', '${schema}.probe', '${privilege}')`,
        ),
        ...role.privileges.sequences.map(
          (privilege) =>
            `SELECT '${role.name} ${privilege} ${schema}', has_sequence_privilege('${role.name}', '${schema}.probe_id_seq', '${privilege}')`,
        ),
        ...role.privileges.functions.map(
          (privilege) =>
            `SELECT '${role.name} ${privilege} ${schema}', has_function_privilege('${role.name}', '${schema}.probe()', '${privilege}')`,
        ),
      ]),
    ]);
    if (questions.length === 0) continue;
    const client = await cluster.connect('rdsadmin', name);
    try {
      await client.query(`BEGIN; SET LOCAL ROLE ${owner}; ${probes.join(' ')} RESET ROLE`);
      const { rows } = await client.query(questions.join(' UNION ALL '));
      await client.query('ROLLBACK');
      expect(rows.filter(({ ok }) => ok !== true)).toEqual([]);
    } finally {
      await client.end();
    }
  }
}
