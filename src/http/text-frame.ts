/**
 * A text message in one frame, as a server sends it (RFC 6455, 5.2). `ws` hands over the head of a frame and its text apart: one buffer costs
 * the system a quarter less.
 * @param parts at most 65,535 bytes in all: their count has to fit into two bytes
 */
export function textFrame(parts: readonly Buffer[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const headLength = length < 126 ? 2 : 4;
  const frame = Buffer.allocUnsafe(headLength + length);
  frame[0] = 0x81;
  if (headLength === 2) frame[1] = length;
  else {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  }
  let at = headLength;
  for (const part of parts) at += part.copy(frame, at);
  return frame;
}
