import { randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { SeqloomError } from '../errors.js'
import { ownFolder } from '../native/place.js'
import { Portions } from './portions.js'
import type { Runs } from './runs.js'
import { type News, Stream } from './stream.js'

/** The files of the page, below `dashboard` in the package. */
const files: Readonly<Record<string, readonly [name: string, type: string]>> = {
  '': ['index.html', 'text/html; charset=utf-8'],
  'page.js': ['page.js', 'text/javascript; charset=utf-8'],
  'page.css': ['page.css', 'text/css; charset=utf-8'],
}

const headers = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
}

/** How many pages may be open. */
const mostPages = 32

/** How often records are looked at while a page is open, in milliseconds: the first, but for at most a share of the time. */
const [often, seldom, share] = [300, 2000, 0.02]

/** How long a page has to take what is left when the server closes, in milliseconds. */
const patience = 1000

/** Shows runs on a page of this computer, at an address that nobody can guess. */
export class DashboardServer {
  readonly #runs: Runs
  readonly #server: Server
  readonly #token = randomBytes(16).toString('base64url')
  readonly #streams = new Set<Stream>()
  #port = 0
  #timer: NodeJS.Timeout | undefined

  private constructor(runs: Runs) {
    this.#runs = runs
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy())
    })
    // A page that is open does not keep the process alive.
    this.#server.on('connection', (socket) => socket.unref())
  }

  /**
   * Listens on 127.0.0.1, at a free port for 0. The process ends although it listens, unless `stays`. Rejects with
   * `ERR_IO` if the port is in use.
   */
  static async listen(runs: Runs, port: number, stays: boolean): Promise<DashboardServer> {
    if (ownFolder === undefined) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        'the dashboard needs the files of the package seqloom, which a bundle does not have; keep the package external',
      )
    }
    const made = new DashboardServer(runs)
    await new Promise<void>((resolve, reject) => {
      made.#server.once('error', (cause: NodeJS.ErrnoException) => {
        const why =
          cause.code === 'EADDRINUSE' ? 'is in use; choose another one, or 0 for any that is free' : cause.code
        reject(new SeqloomError('ERR_IO', `dashboard: port ${port} of 127.0.0.1 ${why}`, { cause }))
      })
      made.#server.listen({ port, host: '127.0.0.1' }, resolve)
    })
    made.#port = (made.#server.address() as AddressInfo).port
    if (!stays) made.#server.unref()
    return made
  }

  /** The address of the page. */
  get address(): string {
    return `http://127.0.0.1:${this.#port}/${this.#token}/`
  }

  /** Sends the rest, as far as pages take it soon, and stops listening. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#server.close()
    const rest = this.#news().then((news) => Promise.all([...this.#streams].map((stream) => stream.update(news))))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patience)
    })
    await Promise.race([rest, late])
    clearTimeout(timer)
    for (const stream of this.#streams) stream.end()
    this.#server.closeIdleConnections()
    // Those that do not take even the end.
    setTimeout(() => this.#server.closeAllConnections(), patience).unref()
  }

  async #news(): Promise<News> {
    const runs = await this.#runs.list().catch(() => [])
    const list = JSON.stringify(runs, ['name', 'time', 'state'])
    return { runs, list: `event: runs\ndata: ${list}\n\n`, portions: new Portions(this.#runs) }
  }

  /** Looks at the records after a while, and again and again as long as a page is open. */
  #watch(pause: number): NodeJS.Timeout {
    const look = async () => {
      const began = performance.now()
      const news = await this.#news()
      // A page that is slow keeps only itself waiting.
      for (const stream of this.#streams) void stream.update(news)
      const next = Math.min(seldom, Math.max(often, (performance.now() - began) / share))
      this.#timer = this.#streams.size > 0 ? this.#watch(next) : undefined
    }
    return setTimeout(() => void look(), pause).unref()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (status: number) => response.writeHead(status, headers).end()
    // A page of another name that leads here (DNS rebinding) is not ours.
    const hosts = [`127.0.0.1:${this.#port}`, `localhost:${this.#port}`]
    if (!hosts.includes(request.headers.host ?? '')) return void refuse(403)
    if (request.method !== 'GET' && request.method !== 'HEAD') return void refuse(405)
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1')
    const [, token = '', name, ...more] = pathname.split('/')
    if (!same(token, this.#token) || name === undefined || more.length > 0) return void refuse(404)
    if (name === 'events') return this.#stream(request, response, searchParams)
    const found = Object.hasOwn(files, name) ? files[name] : undefined
    if (!found) return void refuse(404)
    const [file, type] = found
    const body = await readFile(join(ownFolder as string, 'dashboard', file))
    response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': body.length })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  #stream(request: IncomingMessage, response: ServerResponse, search: URLSearchParams): void {
    if (this.#streams.size >= mostPages) return void response.writeHead(503, { ...headers, 'Retry-After': '10' }).end()
    const wanted = search.get('runs')?.split(',').map(decoded)
    const lastId = request.headers['last-event-id']
    response.writeHead(200, { ...headers, 'Content-Type': 'text/event-stream' })
    response.write('retry: 1000\n\n')
    const stream = new Stream(response, wanted, typeof lastId === 'string' ? lastId : undefined)
    this.#streams.add(stream)
    response.on('error', () => undefined)
    response.on('close', () => this.#streams.delete(stream))
    void this.#news().then((news) => stream.update(news))
    this.#timer ??= this.#watch(often)
  }
}

function same(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
