import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const exec = promisify(execFile);

/** An entry of package-lock.json. */
interface Locked {
  dev?: boolean;
  [field: string]: unknown;
}

/** A project that has installed the package, and nothing else. */
export interface Consumer {
  folder: string;
  /** What is in the package, as paths. */
  files: string[];
  /** Runs a program of it in the project. */
  run(program: string, args: readonly string[], env?: Record<string, string>): Promise<{ stdout: string; stderr: string }>;
  remove(): Promise<void>;
}

/**
 * Packs what is built, and installs that into an empty project, with the versions of its dependencies that this checkout has installed: so npm
 * has them in its cache, and needs no network.
 */
export async function installPackage(): Promise<Consumer> {
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-consumer-'));
  await chmod(folder, 0o755); // the account of the embedded PostgreSQL has to get at its programs
  const packed = await npm(root, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder);
  const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
  const manifest = {
    name: 'consumer',
    version: '1.0.0',
    private: true,
    type: 'module',
    dependencies: { 'assessment-store': `file:${filename}` },
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(await lockOf(manifest, filename)));
  await npm(folder, 'ci', '--prefer-offline', '--ignore-scripts');
  return {
    folder,
    files: files.map(({ path }) => path),
    run: (program, args, env) => exec(program, args, { cwd: folder, env: { PATH: process.env['PATH'], ...env } }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

const npm = (cwd: string, ...args: string[]) => exec('npm', [...args, '--no-audit', '--no-fund'], { cwd });

/** The lock of a project whose one dependency is the package: of ours, what is not for development alone. */
async function lockOf(manifest: object, filename: string) {
  const read = async (name: string) => JSON.parse(await readFile(join(root, name), 'utf8')) as Record<string, unknown>;
  const [{ name, version, lockfileVersion, packages }, { dependencies, bin, engines }] = await Promise.all([
    read('package-lock.json'),
    read('package.json'),
  ]);
  const kept = Object.entries(packages as Record<string, Locked>).filter(([path, { dev }]) => path !== '' && dev !== true);
  const packed = { version, resolved: `file:${filename}`, dependencies, bin, engines };
  return {
    ...{ name: 'consumer', lockfileVersion, requires: true },
    packages: { '': manifest, [`node_modules/${String(name)}`]: packed, ...Object.fromEntries(kept) },
  };
}

/** Copies a program of test/package/consumer into the project, under its name there. */
export const copyProgram = ({ folder }: Consumer, name: string, as = name): Promise<void> =>
  copyFile(fileURLToPath(new URL(`consumer/${name}`, import.meta.url)), join(folder, as));
