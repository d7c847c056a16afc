# docker build -t charrnn .
# docker run --rm -it -v "$PWD:/work" --user "$(id -u):$(id -g)" charrnn train corpus.txt --minutes 2
FROM python:3.13-slim

# The build of torch without a GPU's libraries: 200 MB instead of several GB.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu 'torch==2.13.*'

COPY pyproject.toml hatch_build.py README.md LICENSE /charrnn/
COPY charrnn /charrnn/charrnn
RUN pip install --no-cache-dir /charrnn

ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["charrnn"]
CMD ["--help"]
