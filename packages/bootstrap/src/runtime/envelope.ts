import { BootstrapError } from '../errors.ts';

/** Who sent an event, and the request in it, still to be validated. */
export type Envelope =
  | { readonly caller: 'contract'; readonly request: unknown; readonly correlationId?: string }
  | {
      readonly caller: 'terraform';
      readonly lifecycle: 'create' | 'update' | 'delete';
      readonly request: unknown;
      readonly correlationId?: string;
    }
  | { readonly caller: 'cloudformation'; readonly event: Readonly<Record<string, unknown>> };

const correlation = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Tells an event of our contract from one of Terraform's `aws_lambda_invocation` (the key `tf`, which it adds with
 * `lifecycle_scope = "CRUD"`) and one of a CloudFormation custom resource.
 *
 * @throws BootstrapError `BOOTSTRAP_REQUEST_INVALID` when the envelope itself is malformed
 */
export function openEnvelope(event: unknown): Envelope {
  if (!isRecord(event)) return { caller: 'contract', request: event };
  if (Object.hasOwn(event, 'ResponseURL') && Object.hasOwn(event, 'RequestType')) {
    return { caller: 'cloudformation', event };
  }
  const { tf, correlationId, ...request } = event;
  if (
    correlationId !== undefined &&
    !(typeof correlationId === 'string' && correlation.test(correlationId))
  ) {
    throw invalidEnvelope('correlationId: expected letters, digits, "_" and "-", at most 64');
  }
  const known = correlationId === undefined ? {} : { correlationId };
  if (!Object.hasOwn(event, 'tf')) return { caller: 'contract', request, ...known };
  const lifecycle = isRecord(tf) ? tf['action'] : undefined;
  if (lifecycle !== 'create' && lifecycle !== 'update' && lifecycle !== 'delete') {
    throw invalidEnvelope('tf.action: expected "create", "update" or "delete"');
  }
  return { caller: 'terraform', lifecycle, request, ...known };
}

/** Whether failures of this event have to be thrown: Terraform looks at nothing but Lambda's FunctionError. */
export function wantsThrow(event: unknown): boolean {
  return isRecord(event) && Object.hasOwn(event, 'tf');
}

export function isCorrelationId(value: unknown): value is string {
  return typeof value === 'string' && correlation.test(value);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function invalidEnvelope(problem: string): BootstrapError {
  return new BootstrapError('BOOTSTRAP_REQUEST_INVALID', problem, {
    hint: 'See the contract of @postern/bootstrap.',
    details: { problems: [problem] },
  });
}
