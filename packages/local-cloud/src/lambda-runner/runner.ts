import { channel } from 'node:diagnostics_channel';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../endpoint/api-error.ts';
import type { Credentials } from '../iam/index.ts';
import { unpack } from '../lambda/deployment-package.ts';
import type { FunctionRecord } from '../lambda/function-record.ts';
import { DeathWatch } from './death-watch.ts';
import { functionEnvironment } from './environment.ts';
import { answerOf, failureType } from './invocation-answer.ts';
import { endLine, initReportLine, reportLine, startLine } from './log-lines.ts';
import type { Outcome } from './sandbox.ts';
import { Sandbox } from './sandbox.ts';

export interface LambdaRunnerOptions {
  readonly region: string;
  /** Unpacked functions go below it; the owner of the folder removes it. */
  readonly workDir: string;
  /** What may be kept for the next run. */
  readonly cacheDir: string;
  readonly clock: () => number;
  readonly endpointUrl: () => string;
  /** Fresh temporary credentials of the execution role. */
  readonly credentials: (record: FunctionRecord) => Credentials;
  /** Names that the VPC resolves, to addresses. */
  readonly hosts: () => Readonly<Record<string, string>>;
  /** Default 10: what a new AWS account may run at once. */
  readonly maxConcurrency?: number;
  /** Free initialisation; a second try counts as part of the invocation. Default 10,000, as on AWS. */
  readonly initLimitMs?: number;
}

export interface InvocationRequest {
  readonly requestId: string;
  readonly invokedArn: string;
  readonly payload: Buffer;
  readonly clientContext: string | undefined;
}

export interface InvocationResult {
  readonly payload: Buffer;
  readonly failed: boolean;
  readonly log: Buffer;
}

export interface LambdaStatistics {
  readonly invocations: number;
  readonly coldStarts: number;
  readonly failures: number;
  readonly byFunction: Readonly<Record<string, number>>;
}

/** Published after each run: `{ functionName, requestId, durationMs, initDurationMs, failed, log }`. */
const invocations = channel('postern:local-cloud:invocation');

interface Idle {
  readonly sandbox: Sandbox;
  readonly name: string;
  readonly revisionId: string;
}

/** Runs functions: a process per concurrent invocation, reused while the function stays the same. */
export class LambdaRunner {
  readonly #options: LambdaRunnerOptions;
  readonly #deathWatch = new DeathWatch();
  readonly #sandboxes = new Set<Sandbox>();
  readonly #current = new Map<string, string>();
  #idle: Idle[] = [];
  #active = 0;
  #closed = false;
  #statistics = { invocations: 0, coldStarts: 0, failures: 0, byFunction: {} as Record<string, number> };

  constructor(options: LambdaRunnerOptions) {
    this.#options = options;
  }

  async invoke(record: FunctionRecord, request: InvocationRequest): Promise<InvocationResult> {
    if (this.#closed) throw new ApiError('ServiceException', 500, 'The local cloud is closing.');
    if (this.#active >= this.#maxConcurrency) {
      throw new ApiError('TooManyRequestsException', 429, 'Rate Exceeded.', {
        Reason: 'ConcurrentInvocationLimitExceeded',
      });
    }
    this.#active += 1;
    this.#current.set(record.name, record.revisionId);
    try {
      const result = await this.#run(record, request);
      this.#statistics.invocations += 1;
      this.#statistics.failures += result.failed ? 1 : 0;
      const { byFunction } = this.#statistics;
      byFunction[record.name] = (byFunction[record.name] ?? 0) + 1;
      return result;
    } finally {
      this.#active -= 1;
    }
  }

  get #maxConcurrency(): number {
    return this.#options.maxConcurrency ?? 10;
  }

  /** Ends the processes of an older revision; one that is running ends with its invocation. */
  retire(name: string): void {
    this.#current.delete(name);
    for (const { sandbox, name: owner } of this.#idle) if (owner === name) sandbox.kill();
    this.#idle = this.#idle.filter((idle) => idle.name !== name);
  }

  statistics(): LambdaStatistics {
    return { ...this.#statistics, byFunction: { ...this.#statistics.byFunction } };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const sandbox of this.#sandboxes) sandbox.kill();
    await Promise.all([...this.#sandboxes].map((sandbox) => sandbox.exited));
    this.#deathWatch.close();
  }

  async #run(record: FunctionRecord, request: InvocationRequest): Promise<InvocationResult> {
    const { requestId } = request;
    const run = { log: [] as Buffer[], initMs: undefined as number | undefined };
    const note = (text: string | Buffer): void => void run.log.push(Buffer.from(text));
    const warm = this.#takeIdle(record);
    const sandbox = warm ?? (await this.#start(record));
    let outcome: Outcome = { kind: 'ready' };
    let running = sandbox;
    let startedAt = performance.now();
    if (warm === undefined) {
      outcome = await sandbox.initialise(this.#options.initLimitMs ?? 10_000);
      run.initMs = performance.now() - startedAt;
      note(sandbox.output.take());
      if (outcome.kind !== 'ready') note(initReportLine(run.initMs, 'init', failureType(outcome)));
    }
    note(startLine(requestId));
    startedAt = performance.now();
    if (outcome.kind !== 'ready') {
      // AWS initialises a second time, now within the invocation and its time limit.
      running = await this.#start(record);
      outcome = await running.initialise(record.timeoutS * 1000);
      if (outcome.kind !== 'ready') {
        note(running.output.take());
        note(initReportLine(performance.now() - startedAt, 'invoke', failureType(outcome)));
      }
      sandbox.kill();
      run.initMs = undefined;
    }
    if (outcome.kind === 'ready') {
      startedAt = performance.now();
      outcome = await running.run(request, record.timeoutS * 1000);
    }
    const durationMs = performance.now() - startedAt;
    if (outcome.kind === 'exit') await running.exited;
    note(running.output.take());
    note(endLine(requestId));
    const result = answerOf(outcome, requestId, record.timeoutS);
    note(
      reportLine({
        requestId,
        durationMs: Math.min(durationMs, record.timeoutS * 1000),
        memoryMb: record.memoryMb,
        peakBytes: running.peakBytes,
        initMs: run.initMs,
        status:
          outcome.kind === 'timeout'
            ? 'timeout'
            : outcome.kind === 'exit'
              ? { errorType: 'Runtime.ExitError' }
              : undefined,
      }),
    );
    this.#release(running, record);
    const log = Buffer.concat(run.log);
    const { failed } = result;
    invocations.publish({
      functionName: record.name,
      requestId,
      durationMs,
      initDurationMs: run.initMs,
      failed,
      log: log.toString('utf8'),
    });
    return { ...result, log };
  }

  async #start(record: FunctionRecord): Promise<Sandbox> {
    const { region, workDir, cacheDir, clock } = this.#options;
    this.#statistics.coldStarts += 1;
    const folder = join(
      workDir,
      record.name,
      Buffer.from(record.code.sha256, 'base64').toString('hex').slice(0, 16),
    );
    await mkdir(join(workDir, record.name), { recursive: true });
    await unpack(record.code, folder);
    const sandbox = await Sandbox.start({
      folder,
      memoryMb: record.memoryMb,
      legacy: record.runtime === 'nodejs22.x',
      hosts: this.#options.hosts(),
      environment: functionEnvironment({
        record,
        credentials: this.#options.credentials(record),
        region,
        folder,
        endpointUrl: this.#options.endpointUrl(),
        nowMs: clock(),
      }),
      deathWatch: this.#deathWatch,
      compileCacheDir: join(cacheDir, 'lambda-runtime'),
    });
    this.#sandboxes.add(sandbox);
    void sandbox.exited.then(() => {
      this.#sandboxes.delete(sandbox);
      this.#idle = this.#idle.filter((idle) => idle.sandbox !== sandbox);
    });
    if (this.#closed) sandbox.kill();
    return sandbox;
  }

  #takeIdle(record: FunctionRecord): Sandbox | undefined {
    const index = this.#idle.findIndex(
      ({ sandbox, revisionId }) => sandbox.alive && revisionId === record.revisionId,
    );
    return index < 0 ? undefined : this.#idle.splice(index, 1)[0]?.sandbox;
  }

  #release(sandbox: Sandbox, record: FunctionRecord): void {
    const stale = this.#current.get(record.name) !== record.revisionId;
    if (stale || this.#closed) sandbox.kill();
    else if (sandbox.alive) {
      this.#idle.push({ sandbox, name: record.name, revisionId: record.revisionId });
      // Those who waited longest go first: the next call may start one anew, as on AWS after a while.
      if (this.#idle.length > this.#maxConcurrency) this.#idle.shift()?.sandbox.kill();
    }
  }
}
