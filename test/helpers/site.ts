import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { extname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the built documentation site. */
export const site = fileURLToPath(new URL('../../site/dist/', import.meta.url))

/** What the pages were made of. */
export const sources = fileURLToPath(new URL('../../site/pages/', import.meta.url))

const files = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => name.replaceAll('\\', '/'))
    .sort()

/** The pages of the site by their names, such as `guide/data.html`, with their HTML. */
export const readPages = (): Map<string, string> =>
  new Map(files(site, '.html').map((name) => [name, readFileSync(join(site, name), 'utf8')]))

/** The documents of the site by their names, such as `guide/data.md`, with their text. */
export const readSources = (): Map<string, string> =>
  new Map(files(sources, '.md').map((name) => [name, readFileSync(join(sources, name), 'utf8')]))

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
}

/** Serves the site's files as any host of static files would. */
export async function serveSite(): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site')
    const path = posix.normalize(pathname.endsWith('/') ? `${pathname}index.html` : pathname)
    try {
      const body = readFileSync(join(site, path))
      response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' }).end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { server, origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}` }
}
