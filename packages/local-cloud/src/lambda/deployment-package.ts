import { createHash } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { ApiError } from '../endpoint/api-error.ts';

export interface DeploymentPackage {
  readonly zip: Buffer;
  /** Base64, as `CodeSha256` has it. */
  readonly sha256: string;
}

/** AWS: 50 MB zipped for a direct upload, 250 MB unpacked. */
const maxZipBytes = 50 * 1024 * 1024;
const maxUnzippedBytes = 262_144_000;

/** Reads and checks an uploaded zip without unpacking it. */
export function readDeploymentPackage(base64: unknown): DeploymentPackage {
  if (typeof base64 !== 'string' || base64 === '') {
    throw new ApiError('InvalidParameterValueException', 400, 'Please provide a source for function code.');
  }
  const zip = Buffer.from(base64, 'base64');
  if (zip.length > maxZipBytes) {
    throw new ApiError(
      'RequestEntityTooLargeException',
      413,
      `Zipped size must be smaller than ${maxZipBytes} bytes`,
    );
  }
  let bytes = 0;
  let files = 0;
  let unsafe = false;
  try {
    unzipSync(zip, {
      filter: ({ name, originalSize }) => {
        bytes += originalSize;
        files += 1;
        unsafe ||= !isSafeName(name);
        return false;
      },
    });
  } catch {
    throw notAZip();
  }
  if (unsafe) throw notAZip();
  if (files === 0) {
    throw new ApiError('InvalidParameterValueException', 400, 'Uploaded file must be a non-empty zip');
  }
  if (bytes > maxUnzippedBytes) {
    throw new ApiError(
      'InvalidParameterValueException',
      400,
      `Unzipped size must be smaller than ${maxUnzippedBytes} bytes`,
    );
  }
  return { zip, sha256: createHash('sha256').update(zip).digest('base64') };
}

/**
 * Unpacks into `folder`, once: the folder appears complete or not at all. Stack traces of a function show its
 * files, so the place is the same for the same code.
 */
export async function unpack({ zip }: DeploymentPackage, folder: string): Promise<void> {
  if ((await stat(folder).catch(() => undefined)) !== undefined) return;
  const partial = `${folder}.${process.pid}-${Math.random().toString(36).slice(2)}`;
  try {
    const files = Object.entries(unzipSync(zip));
    for (const [name, content] of files) {
      if (!isSafeName(name)) throw new Error(`unsafe name in zip: ${name}`);
      const path = join(partial, name);
      if (name.endsWith('/')) {
        await mkdir(path, { recursive: true });
        continue;
      }
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
    await rename(partial, folder).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      await rm(partial, { recursive: true, force: true });
    });
  } catch {
    await rm(partial, { recursive: true, force: true });
    throw new ApiError('InvalidZipFileException', 502, 'Lambda could not unzip the deployment package.');
  }
}

/** No absolute names, no drive letters, nothing that climbs out of the folder. */
function isSafeName(name: string): boolean {
  return (
    name !== '' &&
    !name.startsWith('/') &&
    !name.includes('\\') &&
    !name.includes('\0') &&
    !/^[A-Za-z]:/.test(name) &&
    !name.split('/').some((segment) => segment === '..')
  );
}

function notAZip(): ApiError {
  return new ApiError(
    'InvalidParameterValueException',
    400,
    'Could not unzip uploaded file. Please check your file, then try to upload again.',
  );
}
