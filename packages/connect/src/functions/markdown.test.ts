import type { PlanResult, ResultOf } from '@postern/bootstrap/contract';
import { describe, expect, test } from 'vitest';
import { applySummary, changesIn, failureSummary, planSummary, sweepSummary } from './markdown.ts';

const nothing: PlanResult = { statements: [], migrations: [], drift: [] };
const hash = 'a1b2c3d4e5f6'.padEnd(64, '0');

describe('a plan in the step summary', () => {
  test('shows every statement with its reason, and every migration', () => {
    const plan: PlanResult = {
      statements: [
        {
          group: 'roles',
          database: 'postgres',
          sql: 'CREATE ROLE ledger_app LOGIN',
          why: 'declared,\nnot there',
        },
      ],
      migrations: [{ database: 'ledger', pending: ['0001_tenants', '0002_accounts'], changed: [] }],
      drift: [
        { kind: 'role', object: 'role "a|b"', found: 'declared no longer', prunable: true },
        { kind: 'grant', database: 'ledger', object: 'table public.entries', found: '<b>', prunable: false },
      ],
    };
    expect(changesIn(plan)).toBe(3);
    const summary = planSummary('postern-bootstrap-app', hash, plan);
    expect(summary).toContain('1 statement, 2 migrations. Manifest <code>a1b2c3d4e5f6</code>.');
    expect(summary).toContain('-- postgres: declared, not there\nCREATE ROLE ledger_app LOGIN;');
    expect(summary).toContain('- <code>ledger: 0002_accounts</code>');
    expect(summary).toContain('| <code>cluster</code> | <code>role "a&#124;b"</code> |');
    expect(summary).toContain('&lt;b&gt;');
  });

  test('says in words when there is nothing to do', () => {
    expect(planSummary('f', hash, nothing)).toContain('Nothing to do');
    expect(changesIn(nothing)).toBe(0);
  });

  test('a migration that was edited after it was applied is not taken for nothing to do', () => {
    const plan = { ...nothing, migrations: [{ database: 'ledger', pending: [], changed: ['0001_tenants'] }] };
    expect(changesIn(plan)).toBe(1);
    expect(planSummary('f', hash, plan)).toContain('**Apply will refuse this:**');
  });

  test('SQL with a fence of its own does not end the fence', () => {
    const statement = { group: 'g', database: 'd', sql: "COMMENT ON TABLE a IS '\n```\n'", why: 'w' };
    expect(planSummary('f', hash, { ...nothing, statements: [statement] })).toMatch(
      /^````sql$[\s\S]*^````$/m,
    );
  });

  test('is cut before GitHub drops all of it', () => {
    const statement = { group: 'g', database: 'd', sql: `SELECT '${'x'.repeat(2_000_000)}'`, why: 'w' };
    const summary = planSummary('f', hash, { ...nothing, statements: [statement] });
    expect(Buffer.byteLength(summary)).toBeLessThan(1_000_000);
    expect(summary).toContain('the log of this step has all of it');
    expect(summary).toContain('1 statement, 0 migrations');
  });
});

test('what was applied is told with the server’s notices', () => {
  const summary = applySummary('f', {
    statements: [],
    migrations: [
      {
        database: 'ledger',
        applied: ['0001_tenants'],
        notices: [
          { migration: '0001_tenants', severity: 'NOTICE', message: 'table "x" does not exist, skipping' },
        ],
      },
    ],
    done: true,
    manifest: hash,
  });
  expect(summary).toContain('0 statements, 1 migration.');
  expect(summary).toContain('0001_tenants: NOTICE: table "x" does not exist, skipping');
});

test('a sweep tells what went and what it could not drop', () => {
  const sweep: ResultOf['sweep'] = {
    status: 'swept',
    marked: ['r1'],
    waiting: [],
    dropped: ['pt_1', 'pt_2'],
    retired: [],
    kept: [],
    unknown: ['pt_foreign'],
    failed: [],
  };
  const summary = sweepSummary('f', [sweep]);
  expect(summary).toContain('| 1 | swept | 1 | 0 | 2 | 0 | 0 | 0 |');
  expect(summary).toContain('never dropped: <code>pt_foreign</code>');
});

test('a failure has code, next step and the place in the log, and neither stack nor rows', () => {
  const error = Object.assign(new Error('no'), {
    code: 'BOOTSTRAP_BUSY',
    hint: 'Wait.',
    details: { correlationId: 'c-1', detail: 'Key (email)=(ada@example.com) already exists.' },
  });
  const summary = failureSummary('apply', error);
  expect(summary).toContain('BOOTSTRAP_BUSY: no');
  expect(summary).toContain('Next step: Wait.');
  expect(summary).toContain('correlation_id <code>c-1</code>');
  expect(summary).not.toMatch(/markdown\.test|ada@/);
  expect(failureSummary('plan', undefined)).toContain('undefined');
});
