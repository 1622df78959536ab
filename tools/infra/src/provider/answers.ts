import { fileURLToPath } from 'node:url';
import type {
  ServerUnaryCall,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadPackageDefinition, type ServiceClientConstructor, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProviderSchema, SchemaBlock } from '../schema/schema.ts';
import { completed, type Refusal, refusalsOf } from './configuration.ts';
import { answerOf } from './data.ts';
import { decodeValue, encodeValue, UNKNOWN, type WireValue } from './values.ts';
import { wireProviderSchema } from './wire-schema.ts';

const definition = loadPackageDefinition(
  loadSync(fileURLToPath(new URL('tfplugin6.proto', import.meta.url)), {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
  }),
) as unknown as { tfplugin6: { Provider: ServiceClientConstructor } };

/** For clients, and of the server. */
export const ProviderClient: ServiceClientConstructor = definition.tfplugin6.Provider;
export const providerService: ServiceDefinition = ProviderClient.service;

interface Question {
  readonly type_name: string;
  readonly config: WireValue | null;
  readonly prior_state: WireValue | null;
  readonly new_state: WireValue | null;
  readonly current_state: WireValue | null;
  readonly raw_state: { readonly json: Uint8Array } | null;
}

/** What the stand-in says to each question of the protocol. */
export function answersOf(schema: ProviderSchema): UntypedServiceImplementation {
  const wire = wireProviderSchema(schema);
  const answers: Record<string, (question: Question) => object> = {
    GetProviderSchema: () => wire,
    ValidateProviderConfig: ({ config }) => verdict(schema.configuration, config),
    ValidateResourceConfig: ({ type_name, config }) => verdict(blockOf(schema.resources, type_name), config),
    ValidateDataResourceConfig: ({ type_name, config }) => verdict(blockOf(schema.data, type_name), config),
    ConfigureProvider: () => ({}),
    StopProvider: () => ({}),
    // Its own state, of this version: nothing else can have made one.
    UpgradeResourceState: ({ raw_state }) => ({
      upgraded_state: encodeValue(
        decodeValue({ msgpack: new Uint8Array(), json: raw_state?.json ?? new Uint8Array() }),
      ),
    }),
    ReadResource: ({ current_state }) => ({ new_state: current_state }),
    PlanResourceChange: ({ type_name, prior_state, new_state }) => ({
      // What exists keeps what was decided for it; a new one does not know it yet.
      planned_state:
        decodeValue(prior_state) === null
          ? encodeValue(
              completed(blockOf(schema.resources, type_name), decodeValue(new_state), () => UNKNOWN),
            )
          : new_state,
    }),
    ApplyResourceChange: ({ type_name }) => ({
      diagnostics: [
        {
          severity: 'ERROR',
          summary: 'The stand-in makes nothing',
          detail: `${type_name} would be made on AWS. In a test, use mock_provider "aws" or command = plan.`,
        },
      ],
    }),
    ReadDataSource: ({ type_name, config }) => ({
      new_state: encodeValue(
        completed(blockOf(schema.data, type_name), decodeValue(config), (path, type) =>
          answerOf(type_name, path, type),
        ),
      ),
    }),
  };
  return Object.fromEntries(Object.entries(answers).map(([name, answer]) => [name, unary(answer)]));
}

function unary(answer: (question: Question) => object) {
  return (call: ServerUnaryCall<Question, object>, done: sendUnaryData<object>): void => {
    try {
      done(null, answer(call.request));
    } catch (error) {
      done({ code: status.INTERNAL, details: error instanceof Error ? error.message : String(error) });
    }
  };
}

function blockOf(blocks: Readonly<Record<string, SchemaBlock>>, name: string): SchemaBlock {
  const block = blocks[name];
  if (block === undefined) throw new Error(`the schema has no ${name}`);
  return block;
}

function verdict(block: SchemaBlock, config: WireValue | null): { diagnostics: readonly object[] } {
  return { diagnostics: refusalsOf(block, decodeValue(config)).map(diagnostic) };
}

function diagnostic({ summary, detail, path }: Refusal): object {
  return { severity: 'ERROR', summary, detail, attribute: { steps: path } };
}
