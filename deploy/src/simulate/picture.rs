//! Pictures of lines, dots and text, as SVG and as PNG.

use std::fmt::Write as _;

use tiny_skia::{Color, FillRule, LineCap, Paint, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform};
use ttf_parser::{Face, OutlineBuilder};

/// The letters of the PNG; the SVG names the same font and falls back to the reader's. Licence beside it.
const FONT: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");

/// Pixels of the PNG to a unit of the picture, for sharp displays.
const SCALE: f32 = 2.0;

/// A place: units from the left and from the top.
pub type Point = (f32, f32);

/// Red, green, blue.
pub type Colour = [u8; 3];

/// Which end of a text lies at its place.
#[derive(Clone, Copy, Debug)]
pub enum Anchor {
    /// The first letter.
    Start,
    /// The middle.
    Middle,
    /// The last letter.
    End,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    /// Its colour.
    pub colour: Colour,
    /// Its width.
    pub width: f32,
    /// Lengths of dash and gap.
    pub dash: Option<[f32; 2]>,
}

/// What is drawn, in this order.
#[derive(Clone, Debug)]
enum Mark {
    Line { points: Vec<Point>, pen: Pen },
    Dot { at: Point, radius: f32, fill: Colour, edge: Colour },
    Text { at: Point, anchor: Anchor, size: f32, colour: Colour, text: String },
}

/// A picture on white.
#[derive(Clone, Debug)]
pub struct Picture {
    width: u16,
    height: u16,
    label: String,
    marks: Vec<Mark>,
}

impl Picture {
    /// An empty picture; `label` says to those who cannot see it what it shows.
    pub fn new(width: u16, height: u16, label: &str) -> Self {
        Self { width, height, label: label.to_owned(), marks: Vec::new() }
    }

    /// A line through `points`.
    pub fn line(&mut self, points: &[Point], pen: Pen) {
        self.marks.push(Mark::Line { points: points.to_vec(), pen });
    }

    /// A dot with an edge.
    pub fn dot(&mut self, at: Point, radius: f32, fill: Colour, edge: Colour) {
        self.marks.push(Mark::Dot { at, radius, fill, edge });
    }

    /// A text on the base line through `at`.
    pub fn text(&mut self, at: Point, anchor: Anchor, size: f32, colour: Colour, text: impl Into<String>) {
        self.marks.push(Mark::Text { at, anchor, size, colour, text: text.into() });
    }

    /// The picture as SVG.
    pub fn svg(&self) -> String {
        let (width, height) = (self.width, self.height);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"DejaVu Sans, Verdana, sans-serif\" role=\"img\" aria-label=\"{}\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
            escape(&self.label)
        );
        for mark in &self.marks {
            mark.svg(&mut svg);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The picture as PNG, two pixels to a unit.
    pub fn png(&self) -> Vec<u8> {
        let pixels = |units: u16| u32::from(units) * SCALE as u32;
        let mut pixmap = Pixmap::new(pixels(self.width), pixels(self.height)).expect("a picture has an area");
        pixmap.fill(Color::WHITE);
        let face = Face::parse(FONT, 0).expect("the font is a constant");
        for mark in &self.marks {
            mark.paint(&mut pixmap, &face);
        }
        pixmap.encode_png().expect("a picture in memory can be encoded")
    }
}

impl Mark {
    fn svg(&self, svg: &mut String) {
        let line = match self {
            Self::Line { points, pen } => {
                let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
                let dash = pen.dash.map_or(String::new(), |[on, off]| format!(" stroke-dasharray=\"{on} {off}\""));
                format!(
                    "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linecap=\"round\"{dash}/>",
                    points.join(" "),
                    hex(pen.colour),
                    pen.width
                )
            }
            Self::Dot { at: (x, y), radius, fill, edge } => format!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{}\" stroke=\"{}\" stroke-width=\"1.5\"/>",
                hex(*fill),
                hex(*edge)
            ),
            Self::Text { at: (x, y), anchor, size, colour, text } => {
                let anchor = match anchor {
                    Anchor::Start => "start",
                    Anchor::Middle => "middle",
                    Anchor::End => "end",
                };
                format!(
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{}\">{}</text>",
                    hex(*colour),
                    escape(text)
                )
            }
        };
        writeln!(svg, "{line}").expect("text in memory can be written");
    }

    fn paint(&self, pixmap: &mut Pixmap, face: &Face<'_>) {
        let scale = Transform::from_scale(SCALE, SCALE);
        match self {
            Self::Line { points, pen } => {
                let mut path = PathBuilder::new();
                for (index, (x, y)) in points.iter().enumerate() {
                    if index == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
                }
                // A line of one point has no path.
                if let Some(path) = path.finish() {
                    let dash = pen.dash.and_then(|lengths| StrokeDash::new(lengths.to_vec(), 0.0));
                    let stroke = Stroke { width: pen.width, line_cap: LineCap::Round, dash, ..Stroke::default() };
                    pixmap.stroke_path(&path, &paint(pen.colour), &stroke, scale, None);
                }
            }
            Self::Dot { at: (x, y), radius, fill, edge } => {
                let bounds = Rect::from_xywh(x - radius, y - radius, 2.0 * radius, 2.0 * radius);
                let path = PathBuilder::from_oval(bounds.expect("a dot has a radius")).expect("a dot has an outline");
                pixmap.fill_path(&path, &paint(*fill), FillRule::Winding, scale, None);
                let stroke = Stroke { width: 1.5, ..Stroke::default() };
                pixmap.stroke_path(&path, &paint(*edge), &stroke, scale, None);
            }
            Self::Text { at, anchor, size, colour, text } => {
                let path = outline(face, text, *at, *anchor, *size);
                if let Some(path) = path {
                    pixmap.fill_path(&path, &paint(*colour), FillRule::Winding, scale, None);
                }
            }
        }
    }
}

/// The outline of a text; `None` when it is blank.
fn outline(face: &Face<'_>, text: &str, (x, y): Point, anchor: Anchor, size: f32) -> Option<tiny_skia::Path> {
    let scale = size / f32::from(face.units_per_em());
    let glyphs: Vec<_> = text.chars().map(|letter| face.glyph_index(letter).unwrap_or_default()).collect();
    let advance = |glyph| f32::from(face.glyph_hor_advance(glyph).unwrap_or_default()) * scale;
    let length: f32 = glyphs.iter().map(|glyph| advance(*glyph)).sum();
    let start = match anchor {
        Anchor::Start => x,
        Anchor::Middle => x - length / 2.0,
        Anchor::End => x - length,
    };
    let mut pencil = Pencil { path: PathBuilder::new(), scale, origin: (start, y) };
    for glyph in glyphs {
        face.outline_glyph(glyph, &mut pencil);
        pencil.origin.0 += advance(glyph);
    }
    pencil.path.finish()
}

/// Draws a font's outlines, which count upwards, into a path that counts downwards.
struct Pencil {
    path: PathBuilder,
    scale: f32,
    origin: Point,
}

impl Pencil {
    fn at(&self, x: f32, y: f32) -> Point {
        (self.origin.0 + x * self.scale, self.origin.1 - y * self.scale)
    }
}

impl OutlineBuilder for Pencil {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

fn paint([red, green, blue]: Colour) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, 255);
    paint.anti_alias = true;
    paint
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Pen = Pen { colour: [0, 0, 0], width: 4.0, dash: None };

    fn painted(draw: impl Fn(&mut Picture)) -> Pixmap {
        let mut picture = Picture::new(100, 50, "a test");
        draw(&mut picture);
        Pixmap::decode_png(&picture.png()).unwrap()
    }

    fn dark(pixmap: &Pixmap, columns: std::ops::Range<usize>) -> usize {
        let row = pixmap.width() as usize;
        pixmap
            .pixels()
            .iter()
            .enumerate()
            .filter(|(at, pixel)| columns.contains(&(at % row)) && pixel.red() < 128)
            .count()
    }

    #[test]
    fn a_line_lies_where_it_was_drawn() {
        let pixmap = painted(|picture| picture.line(&[(10.0, 25.0), (90.0, 25.0)], BLACK));
        assert_eq!((pixmap.width(), pixmap.height()), (200, 100));
        assert_eq!(pixmap.pixel(100, 50).unwrap().red(), 0);
        assert_eq!(pixmap.pixel(100, 20).unwrap().red(), 255);
    }

    #[test]
    fn text_keeps_to_its_side_of_the_anchor() {
        let write = |anchor| painted(|picture| picture.text((50.0, 30.0), anchor, 14.0, [0, 0, 0], "βχ 8%"));
        let (start, end) = (write(Anchor::Start), write(Anchor::End));
        assert!(dark(&start, 0..98) == 0 && dark(&start, 98..200) > 200);
        assert!(dark(&end, 102..200) == 0 && dark(&end, 0..102) > 200);
    }

    #[test]
    fn svg_says_what_was_drawn_and_escapes_text() {
        let mut picture = Picture::new(100, 50, "a \"test\"");
        picture.dot((5.0, 6.0), 3.0, [255, 0, 0], [0, 0, 0]);
        picture.text((1.0, 2.0), Anchor::Middle, 12.0, [0, 0, 0], "p < 1 & r");
        let svg = picture.svg();
        assert!(svg.contains("cx=\"5.0\"") && svg.contains("#ff0000"), "{svg}");
        assert!(svg.contains("p &lt; 1 &amp; r") && svg.contains("a &quot;test&quot;"), "{svg}");
        assert!(svg.ends_with("</svg>\n"));
    }
}
