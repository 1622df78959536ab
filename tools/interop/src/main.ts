/*
 * npm run interop: the clients that Amazon and PostgreSQL ship, against the local cloud, and Terraform on infra/.
 * Exit code 0: everything as expected; 1: something differs; 2: a client is missing and nothing was run; 130:
 * interrupted.
 */
import { join } from 'node:path';
import { openBench } from './bench.ts';
import type { Bench, Check } from './check.ts';
import { databaseChecks } from './checks/database.ts';
import { ecsChecks } from './checks/ecs.ts';
import { lambdaChecks } from './checks/lambda.ts';
import { rdsChecks } from './checks/rds.ts';
import { secretsManagerChecks } from './checks/secrets-manager.ts';
import { ssmChecks } from './checks/ssm.ts';
import { stsChecks } from './checks/sts.ts';
import { terraformChecks } from './checks/terraform.ts';
import { terraformRefusals } from './checks/terraform-refusals.ts';
import { type Row, renderReport } from './report.ts';
import { missingTools, TOOLS } from './tools.ts';

const checks: readonly Check[] = [
  ...stsChecks,
  ...ssmChecks,
  ...lambdaChecks,
  ...secretsManagerChecks,
  ...rdsChecks,
  ...databaseChecks,
  ...ecsChecks,
  ...terraformChecks,
  ...terraformRefusals,
];

async function main(): Promise<number> {
  const missing = missingTools(TOOLS, process.env['PATH'] ?? '');
  if (missing.length > 0) {
    for (const { name, install } of missing) console.error(`${name} is not on PATH.\n  ${install}`);
    console.error('\nNothing was run. Install what is missing and start again.');
    return 2;
  }
  // Ctrl-C reaches the running client, too. The check ends, and what was started is stopped below.
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort());
  }
  const { bench, close } = await openBench(join(import.meta.dirname, '../../../.cache/postern'));
  try {
    const rows = await runAll(bench, interrupted.signal);
    if (interrupted.signal.aborted) return 130;
    console.log(`\n${renderReport(rows)}`);
    return rows.some(({ failure }) => failure !== undefined) ? 1 : 0;
  } finally {
    await close();
  }
}

/** One after another: the Lambda checks build on each other, and the CLI keeps both cores busy as it is. */
async function runAll(bench: Bench, signal: AbortSignal): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { area, name, run } of checks) {
    if (signal.aborted) break;
    process.stderr.write(`${area}: ${name}\n`);
    const started = performance.now();
    const failure = await run(bench).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    rows.push({
      area,
      name,
      durationMs: performance.now() - started,
      ...(failure === undefined ? {} : { failure }),
    });
  }
  return rows;
}

process.exitCode = await main();
