import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Response } from '../contract/response.ts';
import { BootstrapError } from '../errors.ts';
import { invalidEnvelope, isRecord } from './envelope.ts';
import { errorText, incomplete, toErrorResponse } from './failure.ts';
import { errorForLog } from './log.ts';

/** Sends the answer; `fetch`, or something like it. */
export type Send = (
  url: string,
  init: {
    method: 'PUT';
    headers: Record<string, string>;
    body: string;
    redirect: 'error';
    signal: AbortSignal;
  },
) => Promise<{ readonly status: number }>;

export interface CloudFormationPorts {
  /** Runs the request; never rejects. */
  run(request: unknown): Promise<Response>;
  remainingMs(): number;
  readonly send: Send;
  readonly logSql: 'masked' | 'full';
}

interface Told {
  readonly url: URL;
  readonly type: 'Create' | 'Update' | 'Delete';
  readonly echo: { readonly StackId: string; readonly RequestId: string; readonly LogicalResourceId: string };
  readonly PhysicalResourceId: string;
}

/** What CloudFormation may be told. */
interface Outcome {
  readonly Status: 'SUCCESS' | 'FAILED';
  readonly Reason?: string;
  readonly Data?: Readonly<Record<string, string>>;
}

/**
 * Handles an event of a custom resource: Create and Update run the request in ResourceProperties (`apply` unless it says
 * otherwise), Delete does nothing. The answer goes to ResponseURL in every case, also when the time runs out: a stack that
 * gets none waits for an hour.
 *
 * Source: "Custom resource request and response objects" of the AWS CloudFormation User Guide.
 *
 * @throws BootstrapError `BOOTSTRAP_REQUEST_INVALID` when there is nowhere to answer to, `BOOTSTRAP_CALLBACK_FAILED` when the answer
 * is not taken. Lambda then repeats the event, which is harmless: the contract has no request that does more the second time.
 */
export async function handleCloudFormation(
  event: Readonly<Record<string, unknown>>,
  ports: CloudFormationPorts,
): Promise<{ readonly status: 'SUCCESS' | 'FAILED' }> {
  const told = readEvent(event);
  if (told.type === 'Delete') return await answer(told, { Status: 'SUCCESS' }, ports);
  const request = requestOf(event['ResourceProperties']);
  const running = ports.run(request);
  const over = new AbortController();
  const outcome = await Promise.race([
    running.then((response) => outcomeOf(response, ports.logSql)),
    timeUp(ports, over.signal),
  ]);
  over.abort();
  const answered = await answer(told, outcome.value, ports);
  // The stack knows by now; what is at work may still come to its end before Lambda ends the process.
  await running;
  return answered;
}

function readEvent(event: Readonly<Record<string, unknown>>): Told {
  const text = (name: string, most: number): string => {
    const value = event[name];
    if (typeof value === 'string' && value.length > 0 && Buffer.byteLength(value) <= most) return value;
    throw invalidEnvelope(`${name}: expected a text of at most ${most} bytes`);
  };
  const url = responseUrl(text('ResponseURL', 8192));
  const type = text('RequestType', 6);
  if (type !== 'Create' && type !== 'Update' && type !== 'Delete') {
    throw invalidEnvelope('RequestType: expected "Create", "Update" or "Delete"');
  }
  const echo = {
    StackId: text('StackId', 1024),
    RequestId: text('RequestId', 128),
    LogicalResourceId: text('LogicalResourceId', 255),
  };
  // The same for every event of the resource: another one would make CloudFormation delete "the old".
  const id = createHash('sha256')
    .update(`${echo.StackId}\n${echo.LogicalResourceId}`)
    .digest('hex')
    .slice(0, 16);
  const PhysicalResourceId = type === 'Create' ? `postern-bootstrap-${id}` : text('PhysicalResourceId', 1024);
  return { url, type, echo, PhysicalResourceId };
}

/** As AWS calls them, one for each region: anybody may own one whose name begins a little shorter. */
const bucket = /^cloudformation-custom-resource-response-[a-z]{6,24}\d(?:$|\/)/;
/** S3's own endpoints in all partitions; not those of access points or websites, which anybody may have. */
const s3 =
  /^(?:([a-z0-9-]+)\.)?s3(?:[.-](?:dualstack\.)?[a-z]{2,5}(?:-[a-z]+)+-\d)?\.amazonaws\.(?:com|com\.cn|eu)$/;

/** The answer says what a database is like: it goes to CloudFormation's own buckets and nowhere else. */
function responseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' && url.port === '' && url.username === '' && url.password === '') {
    const { hostname, pathname } = url;
    const host = s3.exec(hostname);
    if (host && bucket.test(host[1] ?? pathname.slice(1))) return url;
  }
  throw invalidEnvelope('ResponseURL: expected an address of CloudFormation in S3');
}

/** Everything in ResourceProperties arrives as text. What is none of ours stays as it is, and is refused. */
function requestOf(properties: unknown): unknown {
  if (!isRecord(properties)) return properties;
  const { ServiceToken: _token, ServiceTimeout: _timeout, trigger, ...request } = properties;
  if (trigger !== undefined && (typeof trigger !== 'string' || trigger.length > 256))
    request['trigger'] = trigger;
  const coerced = Object.entries(request).map(([name, value]) => [name, coerce(name, value)]);
  return { action: 'apply', ...Object.fromEntries(coerced) };
}

/** Fields of requests that CloudFormation makes texts of. */
const numbers = ['count', 'budgetMs', 'first', 'keepMs'];

function coerce(name: string, value: unknown): unknown {
  if (name === 'dryRun' && (value === 'true' || value === 'false')) return value === 'true';
  if (numbers.includes(name) && typeof value === 'string' && /^\d{1,8}$/.test(value)) {
    return Number(value);
  }
  return value;
}

function outcomeOf(response: Response, logSql: 'masked' | 'full'): { value: Outcome } {
  if (!response.ok) {
    return { value: { Status: 'FAILED', Reason: errorText(errorForLog(response.error, logSql)) } };
  }
  const { result } = response;
  if ('done' in result && !result.done) return failed(incomplete(result));
  const { statements, migrations, manifest } = result as {
    statements?: readonly unknown[];
    migrations?: readonly { applied?: readonly string[] }[];
    manifest?: string;
  };
  const applied = migrations?.reduce((sum, database) => sum + (database.applied?.length ?? 0), 0);
  return {
    value: {
      Status: 'SUCCESS',
      Data: {
        ...(statements === undefined ? {} : { statements: String(statements.length) }),
        ...(applied === undefined ? {} : { migrations: String(applied) }),
        ...(manifest === undefined ? {} : { manifest }),
      },
    },
  };
}

function failed(error: BootstrapError): { value: Outcome } {
  return { value: { Status: 'FAILED', Reason: errorText(toErrorResponse(error)) } };
}

/** Rather a failure in time than no answer. */
async function timeUp(
  { remainingMs }: CloudFormationPorts,
  signal: AbortSignal,
): Promise<{ value: Outcome }> {
  const left = remainingMs();
  const waitMs = left - Math.min(15_000, left / 4);
  await delay(Math.min(waitMs, 2 ** 31 - 1), undefined, { signal }).catch(() => undefined);
  return failed(
    new BootstrapError('BOOTSTRAP_INCOMPLETE', 'the time was up in the middle of the work', {
      hint: 'What is at work either comes to its end or is rolled back. Raise the time-out of the function (at most 900 s), or run the long migration with the client or from a shell.',
    }),
  );
}

/** CloudFormation takes 4096 bytes. */
const mostBytes = 4096;

function bodyOf({ echo, PhysicalResourceId }: Told, { Status, Reason, Data }: Outcome): string {
  const make = (reason: string | undefined): string =>
    JSON.stringify({
      Status,
      ...(reason === undefined ? {} : { Reason: reason }),
      PhysicalResourceId,
      ...echo,
      ...(Data === undefined ? {} : { Data }),
    });
  let reason = Reason;
  let body = make(reason);
  while (reason && Buffer.byteLength(body) > mostBytes) {
    reason = reason.slice(0, -Math.max(1, Math.ceil((Buffer.byteLength(body) - mostBytes) / 6)));
    body = make(`${reason}…`);
  }
  return body;
}

async function answer(
  told: Told,
  outcome: Outcome,
  ports: CloudFormationPorts,
): Promise<{ readonly status: 'SUCCESS' | 'FAILED' }> {
  const body = bodyOf(told, outcome);
  let last = '';
  for (let attempt = 1; attempt <= 5; attempt++) {
    if (attempt > 1) await delay(100 * 2 ** attempt);
    try {
      const { status } = await ports.send(told.url.href, {
        method: 'PUT',
        // The address is signed for an empty one.
        headers: { 'content-type': '' },
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(Math.min(10_000, Math.max(1_000, ports.remainingMs()))),
      });
      if (status >= 200 && status < 300) return { status: outcome.Status };
      last = `status ${status}`;
      if (status < 500 && status !== 429 && status !== 408) break;
    } catch (error) {
      const { name, cause } = error as { name?: string; cause?: { code?: string } };
      last = cause?.code ?? name ?? 'unknown';
    }
  }
  // The address is a secret while it lasts.
  throw new BootstrapError('BOOTSTRAP_CALLBACK_FAILED', `CloudFormation's answer was not taken: ${last}`, {
    hint: 'From a private subnet the answer needs a way to S3: a gateway endpoint whose policy admits the buckets of CloudFormation.',
    details: { host: told.url.hostname, outcome: outcome.Status },
  });
}
