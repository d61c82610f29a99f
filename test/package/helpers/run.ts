import { spawn, spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { fileURLToPath } from 'node:url'

export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url))

/** How a command ended and what it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

const canUnshare = spawnSync('unshare', ['-rn', 'true']).status === 0

/** A command as it runs with nothing but the tools on its path and, where the system lets us, without a network. */
export function bareCommand(tools: string, command: readonly string[]): string[] {
  const isolated = canUnshare ? ['unshare', '-rn'] : []
  const cache = process.env.npm_config_cache ?? `${homedir()}/.npm`
  return [...isolated, 'env', '-i', `PATH=${tools}`, `HOME=${homedir()}`, `npm_config_cache=${cache}`, ...command]
}

/** Runs a command to its end, at most two minutes. */
export function start(command: readonly string[], folder: string, env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const [name = '', ...args] = command
    const stdio = ['ignore', 'pipe', 'pipe'] as const
    const child = spawn(name, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: [...stdio],
      timeout: 120_000,
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

/** As `start`, and returns what the command wrote on stdout; rejects if it fails. */
export async function execute(command: readonly string[], folder: string): Promise<string> {
  const { code, signal, stdout, stderr } = await start(command, folder)
  if (code === 0) return stdout
  throw new Error(`${command.join(' ')} ended with ${code ?? signal}:\n${stdout}\n${stderr}`)
}
