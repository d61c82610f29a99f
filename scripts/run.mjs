import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's root folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** A tool that npm installed for this project. */
export const tool = (name) => join(root, 'node_modules', '.bin', process.platform === 'win32' ? `${name}.cmd` : name)

/**
 * Runs a command, in the project's root if no other folder is given, its output passed on; resolves to the exit code and, if `capture`, the
 * output, which `quiet` does not pass on. `env` is added to the environment.
 */
export function run(command, args, { capture = false, cwd = root, env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'],
      shell: process.platform === 'win32',
    })
    let output = ''
    child.stdout?.on('data', (chunk) => {
      output += chunk
      if (capture !== 'quiet') process.stdout.write(chunk)
    })
    child.on('error', (error) =>
      reject(error.code === 'ENOENT' ? new Error(`\`${command}\` was not found: is it installed and on PATH?`) : error),
    )
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

/** As `run`, and ends this process with the command's exit code if it is not 0. */
export async function must(command, args, options) {
  const result = await run(command, args, options)
  if (result.code !== 0) {
    if (options?.capture === 'quiet') process.stdout.write(result.output)
    process.exit(result.code)
  }
  return result
}

/** The target that Rust compiles for on this machine, such as `x86_64-unknown-linux-gnu`. */
export async function hostTarget() {
  const { output } = await must('rustc', ['-vV'], { capture: 'quiet' })
  return /^host: (.*)$/m.exec(output)[1]
}
