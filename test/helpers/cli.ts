import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** What a run of the command left behind. */
export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that is running. */
export interface Running {
  readonly done: Promise<Ran>
  /** Resolves once stdout and stderr together hold the text. */
  readonly says: (text: string) => Promise<void>
  /** What it has printed on stdout so far. */
  readonly printed: () => string
  readonly kill: (signal: NodeJS.Signals) => void
}

/** Starts the command with arguments, and text on standard input, which then ends or stays open. */
export function start(args: readonly string[], input = '', then: 'end' | 'open' = 'end'): Running {
  const child = spawn(process.execPath, [main, ...args], { stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  const listeners = new Set<() => void>()
  const heard = () => {
    for (const listener of listeners) listener()
  }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
    heard()
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
    heard()
  })
  child.stdin.write(input)
  if (then === 'end') child.stdin.end()
  const done = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const listener = () => {
        if (!`${stdout}${stderr}`.includes(text)) return
        listeners.delete(listener)
        resolve()
      }
      listeners.add(listener)
      listener()
      child.on('close', () => reject(new Error(`ended without saying '${text}': ${stdout}${stderr}`)))
    })
  return { done, says, printed: () => stdout, kill: (signal) => void child.kill(signal) }
}

/** Runs the command to its end. */
export function seqloom(args: readonly string[], input = ''): Promise<Ran> {
  return start(args, input).done
}
