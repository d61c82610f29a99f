import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const projectRoot = fileURLToPath(new URL('../../', import.meta.url))

/** How a child process ended and what it wrote. */
export interface ProcessResult {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

interface RunOptions {
  cwd?: string
  env?: Record<string, string>
  nodeOptions?: readonly string[]
}

function run(args: readonly string[], options: RunOptions = {}): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...(options.nodeOptions ?? []), ...args], {
      cwd: options.cwd ?? projectRoot,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}

/** Runs the built `seqloom` command. */
export function runCli(args: readonly string[], options: RunOptions = {}): Promise<ProcessResult> {
  return run([`${projectRoot}dist/cli/main.js`, ...args], options)
}

/** Runs a program of `examples`. */
export function runExample(
  name: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<ProcessResult> {
  return run([`${projectRoot}examples/${name}`, ...args], options)
}

/** Runs the text of a module, which may import the package by its name. */
export function runSource(source: string, options: RunOptions = {}): Promise<ProcessResult> {
  return run(['--input-type=module', '--eval', source], options)
}

/** Runs a program of `test/helpers/programs` in a process of its own and reads the JSON that it prints. */
export async function runProgram<Result>(
  name: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Result> {
  const result = await run([`${projectRoot}test/helpers/programs/${name}`, ...args], options)
  if (result.code !== 0) throw new Error(`${name} ended with ${result.code ?? result.signal}: ${result.stderr}`)
  return JSON.parse(result.stdout) as Result
}
