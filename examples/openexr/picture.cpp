// Writes a colour ramp as an OpenEXR image, reads it back, and compares.
#include <ImfArray.h>
#include <ImfRgbaFile.h>

#include <cstdio>

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "picture.exr";
  const int width = 320, height = 180;
  Imf::Array2D<Imf::Rgba> pixels(height, width);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      pixels[y][x] = Imf::Rgba(float(x) / width, float(y) / height, 0.25f, 1.0f);
  {
    Imf::RgbaOutputFile file(path, width, height, Imf::WRITE_RGBA);
    file.setFrameBuffer(&pixels[0][0], 1, width);
    file.writePixels(height);
  }
  Imf::Array2D<Imf::Rgba> back(height, width);
  Imf::RgbaInputFile file(path);
  file.setFrameBuffer(&back[0][0], 1, width);
  file.readPixels(0, height - 1);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      if (pixels[y][x].r != back[y][x].r || pixels[y][x].g != back[y][x].g) {
        std::fprintf(stderr, "pixel %d,%d differs\n", x, y);
        return 1;
      }
  std::printf("%s: %d x %d, read back without a difference\n", path, width, height);
}
