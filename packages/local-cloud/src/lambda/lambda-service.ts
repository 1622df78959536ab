import { ApiError, validationMessage } from '../endpoint/api-error.ts';
import type { ApiCall, RestAnswer, RestRequest, RestRoute, RestService } from '../endpoint/service.ts';
import type { IamDirectory } from '../iam/index.ts';
import { evaluateTrust } from '../iam/index.ts';
import type { LambdaRunner } from '../lambda-runner/runner.ts';
import { readDeploymentPackage } from './deployment-package.ts';
import { readChanges, readSettings } from './function-input.ts';
import type { FunctionReference } from './function-name.ts';
import { parseFunctionName } from './function-name.ts';
import type { FunctionRecord } from './function-record.ts';
import { configurationOf } from './function-record.ts';
import type { FunctionStore } from './function-store.ts';
import { invoke } from './invoke.ts';

export interface LambdaServiceOptions {
  readonly store: FunctionStore;
  readonly runner: LambdaRunner;
  readonly iam: IamDirectory;
}

/** The limit that Lambda names for calls that carry code. */
const maxCodeRequestBytes = 70_167_211;
const maxRequestBytes = 1024 * 1024;
const maxInvokeBytes = 6_291_456;

type Handle = (
  reference: FunctionReference,
  request: RestRequest,
  call: ApiCall,
) => Promise<RestAnswer> | RestAnswer;

export function createLambdaService(options: LambdaServiceOptions): RestService {
  const { store, runner } = options;
  const onFunction = (
    operation: string,
    name: string,
    handle: Handle,
    maxBodyBytes = maxRequestBytes,
  ): RestRoute => ({
    operation,
    maxBodyBytes,
    handle: async (request, call) => {
      const qualifier = request.query.get('Qualifier') ?? undefined;
      return handle(parseFunctionName(name, qualifier, store), request, call);
    },
  });
  return {
    protocol: 'rest',
    id: 'Lambda',
    signingName: 'lambda',
    match: (method, [date, collection, name, action, ...more]) => {
      if (date !== '2015-03-31' || collection !== 'functions' || more.length > 0) return undefined;
      if (name === undefined) {
        if (method !== 'POST') return undefined;
        return {
          operation: 'CreateFunction',
          maxBodyBytes: maxCodeRequestBytes,
          handle: async (request, call) => createFunction(options, request, call),
        };
      }
      switch (`${method} ${action ?? ''}`) {
        case 'GET ':
          return onFunction('GetFunction', name, (ref, _request, call) => getFunction(store, ref, call));
        case 'DELETE ':
          return onFunction('DeleteFunction', name, (ref, _request, call) =>
            deleteFunction(options, ref, call),
          );
        case 'GET configuration':
          return onFunction('GetFunctionConfiguration', name, (ref, _request, call) => {
            const record = authorized(store, ref, 'lambda:GetFunctionConfiguration', call);
            return { status: 200, body: configurationOf(record, call.nowMs) };
          });
        case 'PUT configuration':
          return onFunction('UpdateFunctionConfiguration', name, (ref, request, call) =>
            updateConfiguration(options, ref, request, call),
          );
        case 'PUT code':
          return onFunction(
            'UpdateFunctionCode',
            name,
            (ref, request, call) => updateCode(options, ref, request, call),
            maxCodeRequestBytes,
          );
        case 'POST invocations':
          return onFunction(
            'Invoke',
            name,
            (ref, request, call) => invoke({ store, runner }, ref, request, call),
            maxInvokeBytes,
          );
        default:
          return undefined;
      }
    },
  };
}

function createFunction(
  { store, iam }: LambdaServiceOptions,
  request: RestRequest,
  call: ApiCall,
): RestAnswer {
  const input = readObject(request.body);
  if (typeof input['FunctionName'] !== 'string') {
    throw new ApiError(
      'ValidationException',
      400,
      validationMessage([
        "Value null at 'functionName' failed to satisfy constraint: Member must not be null",
      ]),
    );
  }
  const { name } = parseFunctionName(input['FunctionName'], undefined, store);
  call.authorize('lambda:CreateFunction', store.arn(name));
  refuseUnsimulated(input);
  const settings = readSettings(input);
  passRole(iam, settings.role, call);
  const code = readDeploymentPackage(object(input['Code'])['ZipFile']);
  const record = store.create(name, settings, code);
  const body = { ...configurationOf(record, record.lastModifiedMs), ...creating };
  return { status: 201, body };
}

/** The answer of the call itself always says that work is under way, as AWS does. */
const creating = {
  State: 'Pending',
  StateReason: 'The function is being created.',
  StateReasonCode: 'Creating',
};
const updating = {
  LastUpdateStatus: 'InProgress',
  LastUpdateStatusReason: 'The function is being created.',
  LastUpdateStatusReasonCode: 'Creating',
};

function getFunction(store: FunctionStore, reference: FunctionReference, call: ApiCall): RestAnswer {
  const record = authorized(store, reference, 'lambda:GetFunction', call);
  const body = {
    Configuration: configurationOf(record, call.nowMs),
    Code: {
      RepositoryType: 'S3',
      Location: `https://awslambda-${store.region}-tasks.s3.${store.region}.amazonaws.com/snapshots/${record.name}`,
    },
  };
  return { status: 200, body };
}

function updateCode(
  { store, runner }: LambdaServiceOptions,
  reference: FunctionReference,
  request: RestRequest,
  call: ApiCall,
): RestAnswer {
  const record = authorized(store, reference, 'lambda:UpdateFunctionCode', call);
  const input = readObject(request.body);
  refuseUnsimulated(input);
  const code = readDeploymentPackage(input['ZipFile']);
  if (input['DryRun'] === true)
    return { status: 200, body: configurationOf({ ...record, code }, call.nowMs) };
  const architectures = input['Architectures'] as readonly string[] | undefined;
  const changes = { code, ...(architectures === undefined ? {} : { architectures }) };
  const updated = store.update(record, changes, input['RevisionId'] as string | undefined);
  runner.retire(updated.name);
  return { status: 200, body: { ...configurationOf(updated, updated.lastModifiedMs), ...updating } };
}

function updateConfiguration(
  { store, runner, iam }: LambdaServiceOptions,
  reference: FunctionReference,
  request: RestRequest,
  call: ApiCall,
): RestAnswer {
  const record = authorized(store, reference, 'lambda:UpdateFunctionConfiguration', call);
  const input = readObject(request.body);
  refuseUnsimulated(input);
  const changes = readChanges(input);
  if (changes.role !== undefined) passRole(iam, changes.role, call);
  const updated = store.update(record, changes, input['RevisionId'] as string | undefined);
  runner.retire(updated.name);
  return { status: 200, body: { ...configurationOf(updated, updated.lastModifiedMs), ...updating } };
}

function deleteFunction(
  { store, runner }: LambdaServiceOptions,
  reference: FunctionReference,
  call: ApiCall,
): RestAnswer {
  const record = authorized(store, reference, 'lambda:DeleteFunction', call);
  store.delete(record.name);
  runner.retire(record.name);
  return { status: 204 };
}

function authorized(
  store: FunctionStore,
  { name, qualifier }: FunctionReference,
  action: string,
  call: ApiCall,
): FunctionRecord {
  call.authorize(action, store.arn(name, qualifier));
  return store.require(name, qualifier);
}

/** The caller hands the role to Lambda, and Lambda has to be able to assume it. */
function passRole(iam: IamDirectory, roleArn: string, call: ApiCall): void {
  call.authorize('iam:PassRole', roleArn, { 'iam:PassedToService': 'lambda.amazonaws.com' });
  const role = iam.role(roleArn);
  const service = { service: 'lambda.amazonaws.com' };
  if (
    role === undefined ||
    evaluateTrust(role.trust, { action: 'sts:AssumeRole', caller: service }) !== 'direct'
  ) {
    throw new ApiError(
      'InvalidParameterValueException',
      400,
      'The role defined for the function cannot be assumed by Lambda.',
    );
  }
}

/** Better a refusal than a function that is not what was asked for. */
function refuseUnsimulated(input: Readonly<Record<string, unknown>>): void {
  const code = object(input['Code']);
  const asked = [
    input['PackageType'] === 'Image' ? 'PackageType Image' : undefined,
    input['Publish'] === true ? 'Publish' : undefined,
    (input['S3Bucket'] ?? code['S3Bucket']) ? 'S3Bucket' : undefined,
    (input['ImageUri'] ?? code['ImageUri']) ? 'ImageUri' : undefined,
    Array.isArray(input['Layers']) && input['Layers'].length > 0 ? 'Layers' : undefined,
    object(input['LoggingConfig'])['LogFormat'] === 'JSON' ? 'LogFormat JSON' : undefined,
  ].filter((what) => what !== undefined);
  if (asked.length === 0) return;
  throw new ApiError(
    'InvalidParameterValueException',
    400,
    `Not available in the local simulation: ${asked.join(', ')}. Upload a whole zip as ZipFile, use $LATEST and text logs.`,
  );
}

function readObject(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    return object(JSON.parse(body.toString('utf8')));
  } catch {
    throw new ApiError('InvalidRequestContentException', 400, 'Could not parse request body into json.');
  }
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
