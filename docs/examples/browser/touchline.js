// What a page needs to use Touchline's messages, without a page: topics, checks, pixels to metres, what is visible.
// Pure functions; docs/reference/mqtt.md has the meaning of every field. scripts/browser-check compares them with the Python client.
"use strict";

const touchline = (() => {
  const SCHEMAS = {
    homography: "touchline.homography/1",
    latest: "touchline.homography/1",
    event: "touchline.event/1",
    state: "touchline.state/1",
  };
  const STATES = ["verified", "refined", "tracked", "held", "lost"];
  const SAMPLES = 24; // points along each side of the picture over which the expected error is a mean

  // ---- messages

  /** The topics to subscribe to, with their QoS. */
  function subscriptions(prefix) {
    const box = `${prefix}/v1/+/+`;
    return {
      [`${box}/state`]: { qos: 1 },
      [`${box}/cam/+/homography`]: { qos: 0 },
      [`${box}/cam/+/homography/latest`]: { qos: 1 },
      [`${box}/cam/+/event`]: { qos: 1 },
    };
  }

  /** {site, device, camera, kind} of a topic; null for one that this page does not know. */
  function parseTopic(prefix, topic) {
    const start = `${prefix}/v1/`;
    if (!topic.startsWith(start)) return null;
    const [site, device, first, camera, ...rest] = topic.slice(start.length).split("/");
    if (first === "state" && camera === undefined) return { site, device, camera: null, kind: "state" };
    const kind = { homography: "homography", "homography/latest": "latest", event: "event" }[rest.join("/")];
    return first === "cam" && kind ? { site, device, camera, kind } : null;
  }

  /** {message} or {problem}, one line. Unknown keys are no problem: a newer box may add some. */
  function readMessage(kind, text) {
    let message;
    try {
      // Numbers above 2^53 (time_ns) lose their last digits here, 0.3 µs at most.
      message = JSON.parse(text);
    } catch {
      return { problem: "not JSON" };
    }
    if (message === null || typeof message !== "object" || Array.isArray(message)) return { problem: "not a JSON object" };
    if (message.schema !== SCHEMAS[kind]) {
      return { problem: `schema ${String(message.schema).slice(0, 60)}; this page reads ${SCHEMAS[kind]}` };
    }
    const check = { homography: homographyProblem, latest: homographyProblem, event: eventProblem, state: stateProblem };
    const problem = check[kind](message);
    return problem ? { problem: `${SCHEMAS[kind]}: ${problem}` } : { message };
  }

  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
  const isText = (value) => typeof value === "string";
  const isNumberOrNull = (value) => value === null || value === undefined || isNumber(value);

  function homographyProblem(m) {
    if (!isText(m.session) || !Number.isInteger(m.seq)) return "session or seq is missing";
    if (!STATES.includes(m.state)) return "unknown state";
    const size = m.image_size;
    if (!Array.isArray(size) || size.length !== 2 || !size.every((n) => Number.isInteger(n) && n > 0)) {
      return "image_size is not two positive integers";
    }
    if (!m.field || !isText(m.field.name) || !(m.field.length_m > 0) || !(m.field.width_m > 0)) return "no field";
    if (!m.capture || !isNumber(m.capture.time_ns)) return "no capture time";
    if (!m.quality || !isNumber(m.quality.score)) return "no score";
    if (!isNumberOrNull(m.quality.expected_error_m) || !isNumberOrNull(m.quality.rms_px)) return "an error is no number";
    const h = m.field_from_image ?? null;
    if ((m.state === "lost") !== (h === null)) return "field_from_image is null if and only if state is lost";
    if (h === null) return null;
    if (!Array.isArray(h) || h.length !== 9 || !h.every(isNumber)) return "field_from_image is not nine numbers";
    return inverse(h) === null ? "field_from_image has no inverse" : null;
  }

  function eventProblem(m) {
    if (!isText(m.id) || m.id === "") return "no id";
    if (!isText(m.kind) || !isText(m.camera)) return "no kind or camera";
    return isNumber(m.time_ns) ? null : "no time";
  }

  function stateProblem(m) {
    if (!["online", "stopping", "offline"].includes(m.status)) return "unknown status";
    return isText(m.session) && typeof m.clean === "boolean" ? null : "no session or clean";
  }

  /** Whether a homography is older than the known one; a retained copy may be of an earlier session. */
  function isOlder(message, known, retainedCopy) {
    if (message.session === known.session) return message.seq <= known.seq;
    return retainedCopy && message.capture.time_ns < known.capture.time_ns;
  }

  /** Whether a state is the will of a session that another has followed. */
  function isOldWill(message, known) {
    return Boolean(known) && !message.clean && message.session !== known.session;
  }

  // ---- 3x3 matrices, row by row

  function multiply(h, x, y) {
    return [h[0] * x + h[1] * y + h[2], h[3] * x + h[4] * y + h[5], h[6] * x + h[7] * y + h[8]];
  }

  /** The inverse; null where there is none. */
  function inverse(h) {
    const [a, b, c, d, e, f, g, i, j] = h;
    const cofactors = [
      e * j - f * i, c * i - b * j, b * f - c * e,
      f * g - d * j, a * j - c * g, c * d - a * f,
      d * i - e * g, b * g - a * i, a * e - b * d,
    ];
    const determinant = a * cofactors[0] + b * cofactors[3] + c * cofactors[6];
    const inverted = cofactors.map((value) => value / determinant);
    return inverted.every(Number.isFinite) ? inverted : null;
  }

  /** field_from_image with positive weights in front of the camera, which sees ground at the lower edge if anywhere. */
  function oriented(message) {
    const [width, height] = message.image_size;
    const h = message.field_from_image;
    return multiply(h, width / 2, height - 1)[2] < 0 ? h.map((value) => -value) : h;
  }

  // ---- points

  /** Pixel (u, v) on the field: {x, y, error_m}; null above the horizon or without a homography. error_m may be null. */
  function fieldFromPixel(message, u, v) {
    if (!message.field_from_image) return null;
    const h = oriented(message);
    const [x, y, w] = multiply(h, u, v);
    if (!(w > 0)) return null;
    const perPixel = errorInPixels(message, h);
    return { x: x / w, y: y / w, error_m: perPixel === null ? null : perPixel * metresPerPixel(h, u, v) };
  }

  /** Field point (x, y), metres, in the picture: {u, v}, perhaps outside of it; null behind the camera. */
  function pixelFromField(message, x, y) {
    if (!message.field_from_image) return null;
    const [u, v, w] = multiply(inverse(oriented(message)), x, y);
    return w > 0 ? { u: u / w, v: v / w } : null;
  }

  /** The longest step on the field, metres, that one pixel makes at (u, v): the larger singular value of the Jacobian. */
  function metresPerPixel(h, u, v) {
    const [x, y, w] = multiply(h, u, v);
    const j = [
      (h[0] - (x / w) * h[6]) / w, (h[1] - (x / w) * h[7]) / w,
      (h[3] - (y / w) * h[6]) / w, (h[4] - (y / w) * h[7]) / w,
    ];
    const sum = j.reduce((total, value) => total + value * value, 0);
    const determinant = j[0] * j[3] - j[1] * j[2];
    return Math.sqrt((sum + Math.sqrt(Math.max(0, sum * sum - 4 * determinant * determinant))) / 2);
  }

  /** The registration's error in pixels, about the same everywhere; null where the message says nothing of it. */
  function errorInPixels(message, h) {
    const { expected_error_m: expected, rms_px: rms } = message.quality;
    if (!isNumber(expected)) return isNumber(rms) ? rms : null;
    const [width, height] = message.image_size;
    const { length_m: length, width_m: across } = message.field;
    let total = 0, count = 0;
    for (let row = 0; row < SAMPLES; row++) {
      for (let column = 0; column < SAMPLES; column++) {
        const u = ((width - 1) * column) / (SAMPLES - 1), v = ((height - 1) * row) / (SAMPLES - 1);
        const [x, y, w] = multiply(h, u, v);
        if (w > 0 && Math.abs(x / w) <= length / 2 && Math.abs(y / w) <= across / 2) {
          total += metresPerPixel(h, u, v);
          count++;
        }
      }
    }
    return count ? expected / (total / count) : null;
  }

  // ---- areas and lines: clipped in homogeneous coordinates, so that the horizon needs no special case

  /** Planes that bound |x| <= X, |y| <= Y about a centre, in front of the camera: each a function of [x, y, w]. */
  function box(cx, cy, halfX, halfY) {
    return [
      (p) => p[2] - 1e-9,
      (p) => (cx + halfX) * p[2] - p[0], (p) => p[0] - (cx - halfX) * p[2],
      (p) => (cy + halfY) * p[2] - p[1], (p) => p[1] - (cy - halfY) * p[2],
    ];
  }

  const mix = (a, b, t) => a.map((value, i) => value + (b[i] - value) * t);

  /** Clip a polygon (Sutherland and Hodgman). */
  function clipPolygon(points, planes) {
    for (const plane of planes) {
      const clipped = [];
      points.forEach((point, i) => {
        const before = points[(i + points.length - 1) % points.length];
        const here = plane(point), there = plane(before);
        if ((here < 0) !== (there < 0)) clipped.push(mix(before, point, there / (there - here)));
        if (here >= 0) clipped.push(point);
      });
      points = clipped;
    }
    return points.map(([x, y, w]) => [x / w, y / w]);
  }

  /** Clip a segment; null when nothing is left. */
  function clipSegment(a, b, planes) {
    let from = 0, to = 1;
    for (const plane of planes) {
      const here = plane(a), there = plane(b);
      if (here < 0 && there < 0) return null;
      if (here < 0) from = Math.max(from, here / (here - there));
      if (there < 0) to = Math.min(to, here / (here - there));
    }
    if (from >= to) return null;
    return [mix(a, b, from), mix(a, b, to)].map(([x, y, w]) => [x / w, y / w]);
  }

  /** The part of the field and `margin_m` around it that the picture shows: a list of [x, y], metres; may be empty. */
  function visibleArea(message, margin_m = 0) {
    if (!message.field_from_image) return [];
    const [width, height] = message.image_size;
    const h = oriented(message);
    const corners = [[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]];
    const { length_m: length, width_m: across } = message.field;
    const planes = box(0, 0, length / 2 + margin_m, across / 2 + margin_m);
    return clipPolygon(corners.map(([u, v]) => multiply(h, u, v)), planes);
  }

  /** Area of a polygon. */
  function area(points) {
    let twice = 0;
    points.forEach(([x, y], i) => {
      const [nextX, nextY] = points[(i + 1) % points.length];
      twice += x * nextY - nextX * y;
    });
    return Math.abs(twice) / 2;
  }

  /** The lines of a message's field, each a list of [x, y] in metres; only the border for a field that is not known. */
  function fieldLines(field, fields) {
    const known = Object.hasOwn(fields, field.name) ? fields[field.name] : null;
    const x = field.length_m / 2, y = field.width_m / 2;
    if (!known) return [[[-x, -y], [x, -y], [x, y], [-x, y], [-x, -y]]];
    const longer = field.length_m - known.length_m, wider = field.width_m - known.width_m;
    return known.lines.map((flat, i) => {
      const stretch = known.stretch ? known.stretch[i] : null;
      const points = [];
      for (let n = 0; n < flat.length; n += 2) {
        const [moveX, moveY] = stretch ? [stretch[n] * longer, stretch[n + 1] * wider] : [0, 0];
        points.push([flat[n] + moveX, flat[n + 1] + moveY]);
      }
      return points;
    });
  }

  /** Where those lines are in the picture: segments [[u, v], [u, v]]. */
  function linesInPicture(message, lines) {
    if (!message.field_from_image) return [];
    const image = inverse(oriented(message));
    const [width, height] = message.image_size;
    const planes = box(width / 2, height / 2, width, height);
    const segments = [];
    for (const line of lines) {
      const points = line.map(([x, y]) => multiply(image, x, y));
      for (let i = 1; i < points.length; i++) {
        const segment = clipSegment(points[i - 1], points[i], planes);
        if (segment) segments.push(segment);
      }
    }
    return segments;
  }

  return {
    SCHEMAS, subscriptions, parseTopic, readMessage, isOlder, isOldWill,
    fieldFromPixel, pixelFromField, visibleArea, area, fieldLines, linesInPicture,
  };
})();
