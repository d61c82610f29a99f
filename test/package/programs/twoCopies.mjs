// Two installations of the package in one process train at the same time.
import { createRequire } from 'node:module'
import { trainOnce } from './trainOnce.mjs'

const first = createRequire(import.meta.url)('seqloom')
const second = createRequire(new URL('./other/program.js', import.meta.url))('seqloom')
const losses = await Promise.all([first, second, first, second].map(trainOnce))
console.log(JSON.stringify({ apart: first.SeqloomError !== second.SeqloomError, losses }))
