// A screenshot of text in few bytes: the same picture with a palette of at most 256 colours.
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')

/** @param png 8 bits a channel, RGB or RGBA, not interlaced, as a browser writes it. Transparency is dropped. */
export function shrinkPng(png: Buffer): Buffer {
  const { width, height, channels, data } = readPng(png)
  const pixels = unfilter(inflateSync(data), width * channels, height, channels)
  // Shades that differ by less than this nobody can tell; coarser only where there are still too many.
  for (const step of [1, 4, 8, 16, 32]) {
    const indexed = withPalette(pixels, width, height, channels, step)
    if (indexed !== null) return writePng(width, height, indexed)
  }
  return png
}

function readPng(png: Buffer) {
  const parts: Buffer[] = []
  let header = Buffer.alloc(0)
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at)
    const type = png.toString('latin1', at + 4, at + 8)
    const body = png.subarray(at + 8, at + 8 + length)
    if (type === 'IHDR') header = Buffer.from(body)
    if (type === 'IDAT') parts.push(body)
    at += length + 12
  }
  const channels = { 2: 3, 6: 4 }[header[9]!]
  if (header[8] !== 8 || channels === undefined || header[12] !== 0) throw new Error('not a PNG as browsers write it')
  return { width: header.readUInt32BE(0), height: header.readUInt32BE(4), channels, data: Buffer.concat(parts) }
}

/** Undoes the filters of each line, as the PNG specification has them. */
function unfilter(raw: Buffer, stride: number, height: number, channels: number): Buffer {
  const pixels = Buffer.alloc(stride * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x
      const left = x >= channels ? pixels[at - channels]! : 0
      const up = y > 0 ? pixels[at - stride]! : 0
      const corner = x >= channels && y > 0 ? pixels[at - stride - channels]! : 0
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter!]!
      pixels[at] = raw[y * (stride + 1) + 1 + x]! + guess
    }
  }
  return pixels
}

function paeth(left: number, up: number, corner: number): number {
  const [toLeft, toUp, toCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)]
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

/** null: more than 256 colours at this step. A shade takes the first colour that was seen of it. */
function withPalette(pixels: Buffer, width: number, height: number, channels: number, step: number) {
  const palette: number[] = []
  const known = new Map<number, number>()
  const lines = Buffer.alloc((width + 1) * height)
  for (let pixel = 0; pixel < width * height; pixel++) {
    const [red, green, blue] = [0, 1, 2].map(channel => pixels[pixel * channels + channel]!)
    const shade = [red!, green!, blue!].reduce((sum, value) => sum * 256 + Math.floor(value / step), 0)
    let index = known.get(shade)
    if (index === undefined) {
      index = known.size
      if (index === 256) return null
      known.set(shade, index)
      palette.push(red!, green!, blue!)
    }
    lines[pixel + Math.floor(pixel / width) + 1] = index
  }
  return { palette: Buffer.from(palette), lines }
}

function writePng(width: number, height: number, { palette, lines }: { palette: Buffer; lines: Buffer }): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 3, 0, 0, 0])
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  const data = deflateSync(lines, { level: 9 })
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', palette),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, body: Buffer): Buffer {
  const content = Buffer.concat([Buffer.from(type, 'latin1'), body])
  const frame = Buffer.alloc(content.length + 8)
  frame.writeUInt32BE(body.length, 0)
  content.copy(frame, 4)
  frame.writeUInt32BE(crc32(content), content.length + 4)
  return frame
}
