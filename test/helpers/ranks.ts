import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const projectRoot = fileURLToPath(new URL('../../', import.meta.url))

/** A command that starts several processes of a job. */
export interface Launcher {
  readonly name: 'Open MPI' | 'MPICH'
  readonly command: string
  readonly options: readonly string[]
}

/** The launchers of this machine. */
export function launchers(): Launcher[] {
  const found: Launcher[] = []
  for (const command of ['mpirun.openmpi', 'mpirun.mpich', 'mpirun']) {
    const { stdout, error } = spawnSync(command, ['--version'], { encoding: 'utf8' })
    if (error) continue
    const name = stdout.includes('Open MPI') || stdout.includes('OpenRTE') ? 'Open MPI' : 'MPICH'
    if (found.some((other) => other.name === name)) continue
    const isRoot = process.getuid?.() === 0
    const options = name === 'Open MPI' ? ['--oversubscribe', ...(isRoot ? ['--allow-run-as-root'] : [])] : []
    found.push({ name, command, options })
  }
  return found
}

/** What a rank of `programs/ranks.mjs` writes. */
export interface RankResult {
  readonly rank: number
  readonly size: number
  readonly threads: number
  readonly hash: string
  readonly weights: number[]
  readonly history: Record<string, number[]>
  readonly epoch: number[]
  readonly events: number[]
  readonly learningRate: number
}

/** How a job ended. */
export interface Job<Result> {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Those of the ranks that came to their end, in order. */
  readonly ranks: Result[]
}

/** How a training ended. */
export type JobResult = Job<RankResult>

/** What differs from the usual, and for the whole job. */
export interface JobOptions {
  readonly env?: Record<string, string>
  readonly [given: string]: unknown
}

/** Starts a program of Node.js in so many processes, or in one without a launcher. */
export function start(
  launcher: Launcher | undefined,
  size: number,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Omit<JobResult, 'ranks'>> {
  const command = launcher?.command ?? process.execPath
  const before = launcher ? [...launcher.options, '-n', String(size), process.execPath] : []
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...before, ...args], {
      cwd: projectRoot,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Runs `programs/ranks.mjs` with a model of its. */
export async function train(
  launcher: Launcher | undefined,
  size: number,
  kind: string,
  { env, ...given }: JobOptions = {},
): Promise<JobResult> {
  const distributed: Record<string, string> = launcher ? { SEQLOOM_DISTRIBUTED: 'mpi' } : {}
  return await run('ranks', launcher, size, kind, given, { ...distributed, ...env })
}

/** What a rank of `programs/ranks-use.mjs` writes. */
export interface UseResult {
  readonly rank: number
  readonly size: number
  readonly found: unknown
}

/** Runs `programs/ranks-use.mjs`. */
export const use = (
  launcher: Launcher | undefined,
  size: number,
  what: string,
  given: object = {},
  env: Record<string, string> = {},
): Promise<Job<UseResult>> => run('ranks-use', launcher, size, what, given, env)

async function run<Result>(
  name: string,
  launcher: Launcher | undefined,
  size: number,
  what: string,
  given: object,
  env: Record<string, string> = {},
): Promise<Job<Result>> {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-ranks-'))
  const program = `${projectRoot}test/helpers/programs/${name}.mjs`
  const result = await start(launcher, size, [program, what, folder, JSON.stringify(given)], env)
  const files = readdirSync(folder).toSorted()
  const ranks = files.map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Result)
  rmSync(folder, { recursive: true, force: true })
  return { ...result, ranks }
}
